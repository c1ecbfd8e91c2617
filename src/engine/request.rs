//! The request variables and their types. Does not know the values of a request.

use crate::check::{RootDeclaration, Type};
use crate::value::Kinds;

/// Returns the declarations of the variables of a webhook request.
pub fn request_roots() -> Vec<RootDeclaration> {
    let text = || Type::of(Kinds::TEXT);
    let texts_or_lists = Type::of(Kinds::TEXT).or(Type::list_of(text()));
    vec![
        RootDeclaration::new("parsed_body"),
        RootDeclaration::new("headers").of(Type::object_of(text().or_null())).case_insensitive(),
        // A key that occurs more than once in the query is a list.
        RootDeclaration::new("query_params").of(Type::object_of(texts_or_lists.or_null())),
        RootDeclaration::new("raw_body").of(Type::of(Kinds::TEXT | Kinds::BYTES)),
        // The body without its content encoding.
        RootDeclaration::new("decoded_body").of(Type::of(Kinds::TEXT | Kinds::BYTES)),
        RootDeclaration::new("http_method").of(text()),
        RootDeclaration::new("received_at").of(text()),
        RootDeclaration::new("listener_metadata").of(Type::object_of(text().or_null())),
        RootDeclaration::new("url").of(text()),
        RootDeclaration::new("path").of(text()),
        RootDeclaration::new("raw_query").of(text().or_null()),
        RootDeclaration::new("remote_address").of(text().or_null()),
        RootDeclaration::new("vars").of(Type::object_of(Type::any())),
        RootDeclaration::new("challenge_token").of(Type::object_of(text().or_null())),
    ]
}
