//! The formatter: a source in its canonical layout.

/// TEMP
pub fn format(p: &crate::syntax::Parsed) -> String {
    p.source.text().to_owned()
}
/// TEMP
pub fn show_tree(p: &crate::syntax::Parsed) -> String {
    p.tree.shape(p.tree.root())
}
