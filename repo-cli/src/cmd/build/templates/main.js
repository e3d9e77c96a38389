#!/usr/bin/node
'use strict';
console.log('NAME');
