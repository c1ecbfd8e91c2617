//! The gateway over real sockets and a real database.

mod access;
mod awork;
mod endpoint;
mod examples;
mod faults;
mod file_modes;
mod floods;
mod hostile;
mod kill;
mod pages;
mod pruning;
mod receiver;
mod receivers;
mod repeats;
mod running;
mod server;
mod soak;
mod socotra;
mod stages;
mod store;
mod strangers;
mod stream;
mod subscribed;
mod watching;
