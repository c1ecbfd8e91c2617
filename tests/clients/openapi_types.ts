// Types that openapi-typescript generates: an answer of each API is a form of its update, so a
// client can send back what it got.
import type { components } from "./types";

type Schemas = components["schemas"];

declare const fromSocotra: Schemas["WebhookResponse"];
export const toSocotra: Schemas["UpdateWebhookRequest"] = fromSocotra;

declare const fromAwork: Schemas["WebhookConfig"];
export const toAwork: Schemas["WebhookConfigForm"] = fromAwork;

// The smallest forms have the required members alone.
export const create: Schemas["CreateWebhookRequest"] = {
  name: "n",
  endpoint: { url: "https://receiver.example.com/" },
};
export const createInAwork: Schemas["WebhookConfigForm"] = {
  name: "n",
  uri: "https://receiver.example.com/",
  events: "task_added",
  isActive: true,
  authenticationType: "none",
};

// @ts-expect-error: a form without a required member.
export const unnamed: Schemas["CreateWebhookRequest"] = { endpoint: { url: "https://a.example/" } };
