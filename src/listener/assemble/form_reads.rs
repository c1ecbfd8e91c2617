//! Reads of members that the form of a provider does not have. Some providers send a form unless
//! their settings say JSON. Compiles nothing.

use super::Assembly;
use super::part::Part;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Key, Program};
use crate::source::Span;

/// A read of a part of the body that is not in the form.
pub(super) struct FormRead {
    span: Span,
    path: String,
}

impl Assembly<'_> {
    /// Notes the parts of the body that a program of the file reads.
    pub(super) fn note_reads(&mut self, part: Part<'_>, program: &Program) {
        let Some(recipe) = self.recipe.filter(|_| !part.of_recipe) else {
            return;
        };
        for read in program.reads().iter().filter(|read| &*read.root == "parsed_body") {
            let Some(Key::Name(name)) = read.keys.first() else {
                continue;
            };
            if recipe.form_fields.iter().any(|field| **field == **name) {
                self.reads_form = true;
            } else {
                self.form_reads.push(FormRead { span: part.node.span, path: read.to_string() });
            }
        }
    }

    /// Warns if the programs read members that the form does not have, and never its fields.
    pub(super) fn warn_of_form(&mut self) {
        let Some(recipe) = self.recipe else {
            return;
        };
        let format = self.member("body", "format");
        let own_format = format.is_some_and(|part| !part.of_recipe);
        let (Some(field), Some(read)) = (recipe.form_fields.first(), self.form_reads.first())
        else {
            return;
        };
        if self.reads_form || own_format {
            return;
        }
        let FormRead { span, path } = read;
        let message = format!(
            "`{path}` is null if {} sends a form, which is its default: the form has the event in `{field}`",
            recipe.title
        );
        let below = path.strip_prefix("parsed_body").unwrap_or_default();
        let warning = Diagnostic::new(Code::W0615, *span, message).help(format!(
            "choose JSON in the settings of {0}, and write `[body]` and below it `format = \"json\"`; or read both: `$COALESCE(parsed_body.{field}, parsed_body){below}`",
            recipe.title
        ));
        self.report_if_not_allowed(false, warning);
    }
}
