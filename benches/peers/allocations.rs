//! How often a piece of work asks the allocator.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; this one hands everything on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

/// The system's allocator, with a count of what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends has no count any more, and nobody asks for it.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Prints what one run asks for, once what is kept between runs has grown.
pub fn print<T>(group: &str, engine: &str, mut work: impl FnMut() -> T) {
    for _ in 0..3 {
        black_box(work());
    }
    let before = ASKED.get();
    black_box(work());
    eprintln!("allocations\t{group}\t{engine}\t{}", ASKED.get() - before);
}
