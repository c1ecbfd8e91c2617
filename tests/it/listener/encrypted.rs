//! Encrypted payloads: requests of WeChat Pay, Lark, Microsoft Graph and Braintree, verified and then
//! decrypted, and decryption before a verification.

use hookgate::engine::{Context, Engine, Secrets, Source};
use hookgate::listener::{Decision, Listener, Loaded};
use serde_json::Value as Json;

use super::{Sent, body, loaded, outcome_of, rendered};

/// Requests made with another library.
fn cases() -> Json {
    serde_json::from_str(include_str!("../../cases/encrypted.json")).unwrap()
}

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json[name].as_str().unwrap()
}

fn built(loaded: Loaded) -> Listener {
    loaded.listener.unwrap_or_else(|| panic!("{}", rendered(&loaded.diagnostics).join("\n")))
}

fn sent(case: &Json) -> Sent {
    let sent = Sent::json(text(case, "body"));
    let headers = case["headers"].as_object().into_iter().flatten();
    headers.fold(sent, |sent, (name, value)| sent.with(name, value.as_str().unwrap()))
}

fn data(listener: &Listener, sent: &Sent, decision: &Decision) -> String {
    sent.seen(|request| decision.event_data(listener, request).unwrap())
}

/// WeChat Pay API v3: RSA signature, then AEAD_AES_256_GCM with the additional data of the body.
const WECHAT: &str = r#"
secrets.PLATFORM = { file = "platform.pem" }
secrets.APIV3 = { file = "apiv3" }

[[verify]]
name = "signature"
[verify.public_key]
algorithm = "rsa-sha256"
key = "PLATFORM"
payload = '"${headers["wechatpay-timestamp"]}\n${headers["wechatpay-nonce"]}\n${raw_body}\n"'
received = 'headers["wechatpay-signature"]'
encoding = "base64"
time = 'headers["wechatpay-timestamp"]'

[event]
type = 'parsed_body.event_type'
id = 'parsed_body.id'
data = '''
$PARSE_JSON($DECRYPT_AES_GCM(
  $SECRET("APIV3"),
  parsed_body.resource.nonce,
  $UNBASE64(parsed_body.resource.ciphertext),
  parsed_body.resource.associated_data
))
'''
"#;

#[test]
fn a_wechat_pay_notification_is_decrypted_after_its_signature() {
    let case = &cases()["wechat"];
    let files = [("platform.pem", text(case, "platform_key")), ("apiv3", text(case, "api_key"))];
    let listener = built(loaded(WECHAT, &files));
    let request = sent(case);
    let decision = request.to(&listener);
    assert_eq!(outcome_of(&decision), "accepted");
    assert_eq!(data(&listener, &request, &decision), text(case, "data"));
    let mut forged = request;
    forged.body = text(case, "body").replace("\"transaction\"", "\"Transaction\"").into_bytes();
    assert_eq!(outcome_of(&forged.to(&listener)), "verification_failed signature_wrong");
}

/// Lark (Feishu): a digest with the key in it, then AES-256-CBC with SHA-256 of the key, and the IV
/// before the ciphertext.
const LARK: &str = r#"
secrets.ENCRYPT_KEY = { file = "key" }

[[verify]]
name = "signature"
rule = '''
headers["x-lark-signature"] != NULL
AND $ABS($TIME() - $INTEGER(headers["x-lark-request-timestamp"])) <= 300
AND $SHA256(headers["x-lark-request-timestamp"], headers["x-lark-request-nonce"], $SECRET("ENCRYPT_KEY"), raw_body).$HEX()
  == headers["x-lark-signature"]
'''

[event]
data = '''
$PARSE_JSON($DECRYPT_AES_CBC(
  $SHA256($SECRET("ENCRYPT_KEY")),
  $UNBASE64(parsed_body.encrypt)[:16],
  $UNBASE64(parsed_body.encrypt)[16:]
))
'''
"#;

#[test]
fn a_lark_event_is_decrypted_with_a_digest_of_the_secret() {
    let case = &cases()["lark"];
    let listener = built(loaded(LARK, &[("key", text(case, "key"))]));
    let request = sent(case);
    let decision = request.to(&listener);
    assert_eq!(outcome_of(&decision), "accepted");
    assert_eq!(data(&listener, &request, &decision), text(case, "data"));
    let mut forged = request;
    forged.body = text(case, "body").replace("A", "B").into_bytes();
    assert_eq!(outcome_of(&forged.to(&listener)), "verification_failed rule_false");
}

/// The sample of the documentation of Feishu (*Event encryption*), whose plaintext is no JSON.
#[test]
fn the_sample_of_the_documentation_of_lark_is_decrypted() {
    let source = r#"
        $TEXT($DECRYPT_AES_CBC($SHA256($SECRET("KEY")), $UNBASE64(encrypt)[:16], $UNBASE64(encrypt)[16:]))
    "#;
    let program = Engine::new().compile(source).unwrap();
    let encrypt = serde_json::json!("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=");
    let mut secrets = Secrets::default();
    secrets.add("KEY", "test key");
    let mut context = Context::new();
    context.set("encrypt", &encrypt).set_secrets(&secrets);
    assert_eq!(program.eval(&context).unwrap().to_string(), "\"hello world\"");
}

/// Microsoft Graph: each notification has a key for the certificate of the receiver (RSA-OAEP with
/// SHA-1), an HMAC-SHA256 with that key, and AES-256-CBC whose IV is the start of the key.
const GRAPH: &str = r#"
secrets.STATE = { file = "state" }
secrets.PRIVATE_KEY = { file = "key.pem" }

[[verify]]
name = "client state"
rule = '''
$LENGTH(parsed_body.value) > 0
AND parsed_body.value.$ALL(one => $SECURE_EQUALS(one.clientState, $SECRET("STATE")))
'''

[[verify]]
name = "data signature"
rule = '''
parsed_body.value.$ALL(one =>
  $HMAC_SHA256(
    $DECRYPT_RSA_OAEP($SECRET("PRIVATE_KEY"), $UNBASE64(one.encryptedContent.dataKey), "sha1"),
    $UNBASE64(one.encryptedContent.data)
  ) == $UNBASE64(one.encryptedContent.dataSignature))
'''

[event]
type = 'parsed_body.value[0].changeType'
data = '''
parsed_body.value.$MAP(one => $PARSE_JSON($DECRYPT_AES_CBC(
  $DECRYPT_RSA_OAEP($SECRET("PRIVATE_KEY"), $UNBASE64(one.encryptedContent.dataKey), "sha1"),
  $DECRYPT_RSA_OAEP($SECRET("PRIVATE_KEY"), $UNBASE64(one.encryptedContent.dataKey), "sha1")[:16],
  $UNBASE64(one.encryptedContent.data)
)))
'''
"#;

#[test]
fn encrypted_content_of_microsoft_graph_is_checked_and_then_decrypted() {
    let case = &cases()["graph"];
    let files = [("state", text(case, "client_state")), ("key.pem", text(case, "private_key"))];
    let listener = built(loaded(GRAPH, &files));
    let request = sent(case);
    let decision = request.to(&listener);
    assert_eq!(outcome_of(&decision), "accepted");
    assert_eq!(data(&listener, &request, &decision), format!("[{}]", text(case, "data")));
    // A changed ciphertext fails at its HMAC. Nothing tells whether its padding would be right.
    let content: Json = serde_json::from_str(text(case, "body")).unwrap();
    for (member, reason) in [
        ("data", "verification_failed rule_false"),
        ("dataSignature", "verification_failed rule_false"),
        ("dataKey", "verification_failed rule_error"),
    ] {
        let mut content = content.clone();
        let changed = &mut content["value"][0]["encryptedContent"][member];
        let text = changed.as_str().unwrap().to_owned();
        *changed = Json::from(format!("{}{}", &text[4..8], &text[4..]));
        let mut forged = request.clone();
        forged.body = content.to_string().into_bytes();
        assert_eq!(outcome_of(&forged.to(&listener)), reason, "{member}");
    }
}

/// Braintree: the key of the HMAC is SHA-1 of the private key, in notifications and in challenges.
const BRAINTREE: &str = r#"
vars.public_key = "integration_public"
secrets.PRIVATE_KEY = { file = "key" }

[[verify]]
name = "signature"
rule = '''
parsed_body.bt_signature != NULL
AND $HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY")), parsed_body.bt_payload).$HEX()
  == $PARSE_PAIRS(parsed_body.bt_signature, "&", "|")[vars.public_key]
'''

[[challenge]]
detect = 'query_params.bt_challenge != NULL'
methods = ["GET"]
token_pattern = '[0-9a-f]{20,32}'
body = '"${vars.public_key}|${CHALLENGE}"'
"#;

fn braintree(challenge: &str) -> Loaded {
    let rest = BRAINTREE.replace("CHALLENGE", challenge);
    loaded(&rest, &[("key", text(&cases()["braintree"], "private_key"))])
}

/// Writes a text as a value of a form.
fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn a_braintree_challenge_signs_a_token_with_a_digest_of_the_secret() {
    let case = &cases()["braintree"];
    for signs in [
        r#"$HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY")), query_params.bt_challenge).$HEX()"#,
        r#"$SHA1($SECRET("PRIVATE_KEY")).$HMAC_SHA1(query_params.bt_challenge).$HEX()"#,
        r#"$SECRET("PRIVATE_KEY").$SHA1().$HMAC_SHA1(query_params.bt_challenge).$HEX()"#,
        r#"$HMAC_SHA1(($SECRET("PRIVATE_KEY").$SHA1()), query_params.bt_challenge).$HEX()"#,
    ] {
        let listener = built(braintree(signs));
        let asked = |token: &str| {
            let query = format!("bt_challenge={token}");
            Sent::new("").method("GET").with_query(&query).to(&listener)
        };
        let decision = asked(text(case, "challenge"));
        assert_eq!(outcome_of(&decision), "challenged answered", "{signs}");
        assert_eq!(body(&decision), text(case, "answer"));
        let refused = outcome_of(&asked("text+of+a+delivery"));
        assert!(refused.contains("bad_challenge_token"), "{signs}: {refused}");
        let values = ["signature", "payload"].map(|name| form(text(case, name)));
        let notification = format!("bt_signature={}&bt_payload={}", values[0], values[1]);
        let sent =
            Sent::new(notification).with("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(outcome_of(&sent.to(&listener)), "accepted", "{signs}");
    }
}

#[test]
fn a_challenge_with_a_digest_of_the_secret_signs_nothing_but_a_path() {
    for signs in [
        r#"$HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY")), "x${query_params.bt_challenge}").$HEX()"#,
        r#"$HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY"), "salt"), query_params.bt_challenge).$HEX()"#,
        r#"$HMAC_SHA1(query_params.bt_challenge, $SHA1($SECRET("PRIVATE_KEY"))).$HEX()"#,
        r#"$SHA1($SHA1($SECRET("PRIVATE_KEY")), query_params.bt_challenge).$HEX()"#,
        r#"$TEXT($DECRYPT_AES_GCM($SHA1($SECRET("PRIVATE_KEY")), "nonce", $BYTES(query_params.bt_challenge), NULL))"#,
    ] {
        let report = rendered(&braintree(signs).diagnostics).join("\n");
        assert!(report.contains("E0608"), "{signs}: {report}");
    }
}

/// Each active key is tried, as during a rotation. What a parameter of a lambda holds is not known.
#[test]
fn a_rule_that_tries_each_secret_is_held_to_the_tokens_of_a_challenge() {
    let signs = r#"$HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY")), query_params.bt_challenge).$HEX()"#;
    let rule = |rule: &str| {
        let start = BRAINTREE.find("parsed_body.bt_signature != NULL").unwrap();
        let end = BRAINTREE.find("\n'''\n\n[[challenge]]").unwrap();
        let rest = format!("{}{rule}{}", &BRAINTREE[..start], &BRAINTREE[end..]);
        let cases = cases();
        let key = text(&cases["braintree"], "private_key");
        rendered(&loaded(&rest.replace("CHALLENGE", signs), &[("key", key)]).diagnostics).join("\n")
    };
    for held in [
        r#"$SECRETS("PRIVATE_KEY").$ANY(key => $HMAC_SHA1($SHA1(key), raw_body).$HEX() == headers.mac)"#,
        r#"$ANY($SECRETS("PRIVATE_KEY"), key => key.$SHA1().$HMAC_SHA1(raw_body).$HEX() == headers.mac)"#,
        r#"$SECRETS("PRIVATE_KEY").$ANY(key => [1].$ANY(x => $HMAC_SHA1($SHA1(key), raw_body).$HEX() == headers.mac))"#,
    ] {
        assert!(!rule(held).contains("E0608"), "{held}: {}", rule(held));
    }
    for unknown in [
        r#"$SECRETS("PRIVATE_KEY").$ANY(key => headers.$VALUES().$ANY(raw_body => $HMAC_SHA1($SHA1(key), raw_body).$HEX() == headers.mac))"#,
        r#"headers.$VALUES().$ANY(raw_body => $HMAC_SHA1($SHA1($SECRET("PRIVATE_KEY")), raw_body).$HEX() == headers.mac)"#,
        r#"$SECRETS("PRIVATE_KEY").$ANY(key => $HMAC_SHA1($SHA1(key), raw_body).$HEX() == headers.mac OR $HMAC_SHA1($SHA1(key), headers.a).$HEX() == headers.mac)"#,
        r#"$SECRETS("PRIVATE_KEY").$MAP(key => $HMAC_SHA1($SHA1(key), raw_body).$HEX()).$ANY(mac => mac == headers.mac)"#,
    ] {
        assert!(rule(unknown).contains("E0608"), "{unknown}: {}", rule(unknown));
    }
}

const DECRYPTS: &str = r#"$TEXT($DECRYPT_AES_CBC($SECRET("KEY"), raw_body[:16], raw_body[16:]))"#;
const TOKEN: &str = r#"
[[verify]]
name = "token"
rule = '$SECURE_EQUALS(headers["x-token"], $SECRET("KEY"))'
"#;
const MONITORED: &str = r#"
[[verify]]
name = "token"
enforce = false
rule = '$SECURE_EQUALS(headers["x-token"], $SECRET("KEY"))'
"#;
const NETWORK: &str = r#"
[[verify]]
name = "network"
addresses = ["192.0.2.0/24"]
"#;
const SIGNATURE: &str = r#"
[[verify]]
name = "signature"
[verify.signature]
secret = "KEY"
hash = "sha256"
received = 'headers["x-signature"]'
encoding = "hex"
"#;

#[test]
fn aes_cbc_is_refused_before_a_verification_that_needs_a_secret() {
    for (verification, rest, refused) in [
        (TOKEN, "[event]\ndata = 'CALL'", false),
        (TOKEN, "[event]\nid = 'CALL'", false),
        (TOKEN, "[filter]\nkeep_when = 'CALL != NULL'", false),
        (TOKEN, "[response]\nbody = 'CALL'", false),
        (TOKEN, "[[challenge]]\ndetect = 'TRUE'\nverified = true\nbody = 'CALL'", false),
        (TOKEN, "[[challenge]]\ndetect = 'TRUE'\nbody = 'CALL'", true),
        (TOKEN, "[[challenge]]\ndetect = 'CALL != NULL'\nverified = true\nbody = '1'", true),
        (TOKEN, "[[verify]]\nname = \"more\"\nrule = 'CALL == \"a\"'", true),
        (SIGNATURE, "payload = 'raw_body'\n[event]\ndata = 'CALL'", false),
        (SIGNATURE, "payload = 'CALL'", true),
        (SIGNATURE, "payload = 'raw_body'\ntime = 'CALL'", true),
        (MONITORED, "[event]\ndata = 'CALL'", true),
        (NETWORK, "[event]\ndata = 'CALL'", true),
        ("allow = [\"W0608\"]", "[event]\ndata = 'CALL'", true),
    ] {
        let rest = rest.replace("CALL", DECRYPTS);
        let text = format!("{verification}\n{rest}\n[secrets]\nKEY = {{ file = \"key\" }}\n");
        let loaded = loaded(&text, &[("key", "0123456789abcdef")]);
        let report = rendered(&loaded.diagnostics).join("\n");
        assert_eq!(report.contains("E0211"), refused, "{text}\n{report}");
        assert!(refused || loaded.listener.is_some(), "{text}\n{report}");
    }
}

/// Returns the codes of the errors of an expression, and of its warnings.
fn codes(engine: &Engine, source: &str) -> Vec<&'static str> {
    let found = engine.diagnose(Source::new("rule", source));
    found.list.iter().map(|one| one.code.name()).collect()
}

#[test]
fn a_digest_of_secrets_alone_cannot_be_an_answer() {
    let engine = Engine::new();
    for source in [
        "$SHA256($SECRET('A'))",
        "$SHA256($SECRET('A'), $SECRET('B')).$HEX()",
        "{ \"key\": $SECRET('A').$SHA1() }",
        "$HMAC_SHA256($SHA1($SECRET('A')), $SECRET('B')).$BASE64()",
        "\"${$SHA256(\"${$SECRET('A')}:${raw_body}\").$HEX()}\"",
        "$DECRYPT_RSA_OAEP($SECRET('A'), $UNBASE64(x), \"sha1\")",
    ] {
        assert_eq!(codes(&engine, source), ["E0203"], "{source}");
    }
    for source in [
        "$SHA256($SECRET('A'), raw_body)",
        "$HMAC_SHA256($SHA1($SECRET('A')), raw_body).$HEX()",
        "$SHA256($SECRET('A')) == raw_body",
        "$DECRYPT_AES_GCM($SHA256($SECRET('A')), iv, $UNBASE64(x), NULL)",
    ] {
        assert!(codes(&engine, source).is_empty(), "{source}: {:?}", codes(&engine, source));
    }
}

#[test]
fn a_decoded_token_in_a_verification_needs_a_verification_of_the_same_token() {
    const VERIFIED: &str = "$JWT_VERIFY(token, $SECRET('A'), \"HS256\")";
    const READS: &str = "$DECODE_JWT(token).claims.iss == \"acme\"";
    let engine = Engine::new().verification();
    for (rest, accepted) in [
        ("AND VERIFIED.exp > $TIME()", true),
        ("AND ($TIME() < VERIFIED[\"exp\"])", true),
        ("AND VERIFIED != NULL AND x.exp > 1", true),
        ("AND $ABS($TIME() - VERIFIED.iat) <= 300", true),
        ("AND VERIFIED.exp > $TIME() AND VERIFIED.sub IN [\"a\", \"b\"]", true),
        ("AND token.$JWT_VERIFY($SECRET('A'), \"HS256\").exp > $TIME()", true),
        ("AND $SECRETS('A').$ANY(key => $JWT_VERIFY(token, key, \"HS256\").exp > $TIME())", true),
        (
            "AND $COALESCE(VERIFIED, $JWT_VERIFY(token, $SECRET('B'), \"HS256\")).exp > $TIME()",
            true,
        ),
        ("AND (VERIFIED.exp > $TIME() OR VERIFIED.sub == \"a\")", true),
        ("AND (IF x THEN VERIFIED.exp > $TIME() ELSE VERIFIED.exp > 5)", true),
        ("", false),
        ("OR VERIFIED.exp > $TIME()", false),
        ("AND (VERIFIED.exp > $TIME() OR x.exp)", false),
        ("AND NOT (VERIFIED.exp > $TIME())", false),
        ("AND VERIFIED == NULL AND x.exp", false),
        ("AND VERIFIED.exp != $TIME()", false),
        ("AND VERIFIED.sub == x.exp", false),
        ("AND VERIFIED.sub IN x.exp", false),
        ("AND $COALESCE(VERIFIED, x).exp > $TIME()", false),
        ("AND $TRY(VERIFIED.exp > $TIME(), TRUE)", false),
        ("AND (IF x THEN VERIFIED.exp > $TIME() ELSE TRUE)", false),
        ("AND $JWT_VERIFY(other, $SECRET('A'), \"HS256\").exp > $TIME()", false),
    ] {
        let source = format!("{READS} {}", rest.replace("VERIFIED", VERIFIED));
        let found = codes(&engine, &source);
        assert!(!found.iter().any(|code| code.starts_with("E00")), "{source}: {found:?}");
        assert_eq!(!found.contains(&"E0212"), accepted, "{source}: {found:?}");
    }
    // Outside of verifications, a decoded token is data like any other.
    assert!(!codes(&Engine::new(), READS).contains(&"E0212"));
}

#[test]
fn a_token_taken_apart_by_hand_is_a_warning_in_a_verification() {
    let engine = Engine::new().verification();
    for (source, warned) in [
        ("$PARSE_JSON($UNBASE64($SPLIT(token, \".\")[1])).iss == \"a\"", true),
        ("token.$SPLIT(\".\")[1].$UNBASE64().$PARSE_JSON().iss == \"a\"", true),
        ("$PARSE_JSON($SPLIT(token, \".\")[1].$UNBASE64().$TEXT()).iss == \"a\"", true),
        ("$PARSE_JSON($UNBASE64(parsed_body.message.data)).iss == \"a\"", false),
        ("$PARSE_JSON($UNBASE64($SPLIT(token, \",\")[1])).iss == \"a\"", false),
        ("$PARSE_JSON(x).iss == $TEXT($UNBASE64($SPLIT(token, \".\")[2]))", false),
    ] {
        assert_eq!(codes(&engine, source).contains(&"W0131"), warned, "{source}");
        assert!(!codes(&Engine::new(), source).contains(&"W0131"), "{source}");
    }
}

#[test]
fn the_age_of_a_token_may_be_bounded_by_exp_or_by_iat() {
    let engine = Engine::new().verification();
    for (rest, warned) in [
        (".exp > $TIME()", false),
        (".iat > $TIME() - 300", false),
        (".iat.$ABS() > $TIME() - 300", false),
        (".iat <= $TIME()", true),
        (".iat > 300", true),
        (".iat == $TIME()", true),
        (".sub > $TIME()", true),
        (".sub == \"a\"", true),
    ] {
        let source = format!("$JWT_VERIFY(token, $SECRET('A'), \"ES256\"){rest}");
        assert_eq!(codes(&engine, &source).contains(&"W0113"), warned, "{source}");
    }
    let age = "$ABS($TIME() - $JWT_VERIFY(token, $SECRET('A'), \"ES256\").iat) <= 300";
    assert!(codes(&engine, age).is_empty(), "{:?}", codes(&engine, age));
}
