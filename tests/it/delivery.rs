//! Delivery as far as it is decided without doing it.

mod filterby;
mod model;
mod target;
