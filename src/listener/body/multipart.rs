//! `multipart/form-data` (RFC 7578): fields as strings, files as objects. Knows no listeners.

use std::convert::Infallible;

use futures_util::FutureExt;
use futures_util::stream;
use multer::{Field, Multipart};
use sha2::{Digest, Sha256};

use super::charset::Charset;
use super::form::Fields;
use super::format::parameter;
use crate::engine::OwnedValue;
use crate::value::OwnedObject;

/// Maximum number of parts: each one costs far more memory than its bytes.
const MAX_PARTS: usize = 1_000;

/// The content of files in the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileContent {
    /// As bytes in the member `content`, for rules.
    Kept,
    /// Left out, for event data.
    LeftOut,
}

/// Parses a multipart body to an object. `None` if it is not one.
///
/// The boundary is the first line of the body: the one of the content type is in a header that no
/// signature covers.
pub(super) fn multipart(bytes: &[u8], charset: Charset, files: FileContent) -> Option<OwnedValue> {
    let boundary = boundary(bytes)?;
    let body = bytes::Bytes::copy_from_slice(bytes);
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = Multipart::new(body, boundary);
    let mut fields = Fields::default();
    let mut count = 0;
    // The whole body is in memory, so every read is ready at once.
    while let Some(field) = parts.next_field().now_or_never()?.ok()? {
        count += 1;
        if count > MAX_PARTS {
            return None;
        }
        let name = field.name().unwrap_or("").to_owned();
        fields.add(&name, value(field, charset, files)?);
    }
    (count > 0).then(|| fields.finish())
}

fn boundary(bytes: &[u8]) -> Option<&str> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let boundary = std::str::from_utf8(line.strip_prefix(b"--")?).ok()?.trim_end();
    // RFC 2046, section 5.1.1: 1 to 70 characters.
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

fn value(field: Field<'_>, charset: Charset, files: FileContent) -> Option<OwnedValue> {
    let file = field.file_name().map(ToOwned::to_owned);
    let kind = field.content_type().map(ToString::to_string);
    let content = field.bytes().now_or_never()?.ok()?;
    let Some(file) = file else {
        let charset = match parameter(kind.as_deref(), "charset") {
            Some(label) => Charset::of(Some(label)),
            None => charset,
        };
        return Some(OwnedValue::Text(charset.decode(&content).into()));
    };
    let text = |text: String| OwnedValue::Text(text.into());
    let mut members = vec![
        ("filename".into(), text(file)),
        ("content_type".into(), kind.map_or(OwnedValue::Null, text)),
        ("size".into(), OwnedValue::Number((content.len() as u64).into())),
        ("sha256".into(), text(hex::encode(Sha256::digest(&content)))),
    ];
    if files == FileContent::Kept {
        members.push(("content".into(), OwnedValue::Bytes(content.to_vec().into())));
    }
    Some(OwnedValue::Object(OwnedObject::new(members).0))
}

#[cfg(test)]
mod tests {
    use super::{Charset, FileContent, multipart};

    const BODY: &[u8] = b"--X-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n\
        --X-1\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=latin1\r\n\r\n\xe9\r\n\
        --X-1\r\nContent-Disposition: form-data; name=\"f\"; filename=\"t.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
        --X-1--\r\n";

    fn read(bytes: &[u8], files: FileContent) -> Option<String> {
        multipart(bytes, Charset::of(None), files).map(|value| value.to_string())
    }

    #[test]
    fn fields_are_strings_and_files_are_objects() {
        let digest = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
        let file = format!(
            r#""filename":"t.txt","content_type":"text/plain","size":2,"sha256":"{digest}""#
        );
        let without = format!(r#"{{"a":["one","é"],"f":{{{file}}}}}"#);
        assert_eq!(read(BODY, FileContent::LeftOut), Some(without));
        let with = format!(r#"{{"a":["one","é"],"f":{{{file},"content":"6869"}}}}"#);
        assert_eq!(read(BODY, FileContent::Kept), Some(with));
    }

    #[test]
    fn a_damaged_body_is_no_multipart() {
        for body in
            [&b""[..], b"--", b"--X", b"--X\r\n", b"X\r\n", b"--X\r\nA: b\r\n\r\nx", b"--X--\r\n"]
        {
            assert_eq!(read(body, FileContent::Kept), None, "{body:?}");
        }
    }
}
