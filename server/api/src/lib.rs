//! The request pipeline: resolve, authenticate, authorize, admit, store, render. In process it is
//! a `client::Client`.
//!
//! **Invariant:** knows neither actix nor a kind by name outside `planning`.

pub mod streams;
