//! The decisions of delivery, without network or store.

mod event;
mod filterby;
mod model;
mod target;
