//! The API asked as clients ask it: requests in, responses out, over a store in memory.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod access;
mod aggregation;
mod applying;
mod auditing;
mod backends;
mod bad_input;
mod clients;
mod conformance;
mod credentials;
mod custom_resources;
mod definitions;
mod dialing;
mod fairness;
mod foresight;
mod harness;
mod in_process;
mod limits;
mod lists;
mod misuse;
mod objects;
mod oidc;
mod options;
mod pod_security;
mod policies;
mod proxies;
mod quota;
mod races;
mod routes;
mod streams;
mod versions;
mod webhook_server;
mod webhooks;
