//! How often a piece of work asks the allocator.

#[path = "../../tests/counting.rs"]
mod counting;

use std::hint::black_box;

use counting::asked;

/// Prints what one run asks for, once what is kept between runs has grown.
pub fn print<T>(group: &str, engine: &str, mut work: impl FnMut() -> T) {
    for _ in 0..3 {
        black_box(work());
    }
    let before = asked();
    black_box(work());
    eprintln!("allocations\t{group}\t{engine}\t{}", asked() - before);
}
