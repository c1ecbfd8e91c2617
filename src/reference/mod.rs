//! The reference evaluator: what programs mean, by a plain walk over the tree.
