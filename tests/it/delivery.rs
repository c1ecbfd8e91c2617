//! The decisions of delivery, without network or store.

mod destination;
mod event;
mod filterby;
mod model;
mod signing;
mod target;
