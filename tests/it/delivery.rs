//! The decisions of delivery, without network or store.

mod filterby;
mod model;
mod target;
