//! What every API object has: keys, metadata, names, selectors, quantities, patches on JSON, errors.
//!
//! **Invariant:** pure. This room knows no kind, no clock and no I/O.

pub mod body;
pub mod error;
pub mod key;
pub mod meta;
pub mod name;
pub mod patch;
pub mod quantity;
pub mod schema;
pub mod selector;
pub mod text;

pub use error::{ApiError, FieldError, FieldErrors, Reason};
pub use key::{Key, KindName};
pub use meta::{Meta, OwnerRef};
pub use quantity::Quantity;
pub use selector::{FieldSelector, LabelSelector};
