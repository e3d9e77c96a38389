<?php
$config = require '/etc/NAME/config.php';
header('Content-Type: text/plain');
echo $config['greeting'], "\n";
