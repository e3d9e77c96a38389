<?php
return ['greeting' => 'NAME', 'data' => '/var/lib/NAME'];
