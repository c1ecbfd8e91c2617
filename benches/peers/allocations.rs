//! The number of allocations of a piece of work.

#[path = "../../tests/counting.rs"]
mod counting;

use std::hint::black_box;

use counting::allocation_count;

/// Prints the allocations of one run, after a first run that fills the caches.
pub fn print<T>(group: &str, engine: &str, mut work: impl FnMut() -> T) {
    for _ in 0..3 {
        black_box(work());
    }
    let before = allocation_count();
    black_box(work());
    eprintln!("allocations\t{group}\t{engine}\t{}", allocation_count() - before);
}
