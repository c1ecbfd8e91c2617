//! The formatter: a source in its canonical layout.
