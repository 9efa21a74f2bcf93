//! The API asked as clients ask it: requests in, responses out, over a store in memory.

mod access;
mod harness;
mod lists;
mod objects;
