// Verifies a delivery with the official package of Standard Webhooks; reads it from standard input.
// The package is found in the folder that the first argument names.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/`);
const { Webhook } = require("standardwebhooks");

const delivery = JSON.parse(readFileSync(0, "utf8"));
new Webhook(delivery.secret).verify(delivery.body, delivery.headers);
