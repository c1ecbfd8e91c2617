//! Listeners: recipes against their samples, decisions, configuration and its diagnostics.

mod recipes;
