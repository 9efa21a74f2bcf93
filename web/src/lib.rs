//! The dashboard: pages over the API, live by server-sent events.
//!
//! **Invariant:** talks to `client` only, as the logged-in user; it has that user's rights and no
//! more.

mod deploy;
mod form;
mod live;
mod objects;
mod pages;
mod response;
mod router;
mod session;
mod view;

pub use pages::{
    login::{SignIn, SignIns, entrance},
    refuse as refusal,
};
pub use response::Body;
pub use router::page;
pub use session::{cookie, session_token};
