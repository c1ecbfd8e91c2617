//! HMAC test cases published in RFCs, with the published codes.

use hookgate::engine::{Context, Engine, Secrets, UndeclaredRoots, Value};
use hookgate::listener::{DecisionContext, Outcome, Presented, Request, Unlimited, decide};

/// Returns key and message in hex, and the codes of SHA-256, SHA-384 and SHA-512 (RFC 4231, section
/// 4). For the fifth case the RFC gives only the first 128 bits.
fn rfc_4231() -> [(String, String, [&'static str; 3]); 7] {
    let hex = |text: &str| text.to_owned();
    [
        (
            hex(&"0b".repeat(20)),
            hex("4869205468657265"),
            [
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ],
        ),
        (
            hex("4a656665"),
            hex("7768617420646f2079612077616e7420666f72206e6f7468696e673f"),
            [
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ],
        ),
        (
            hex(&"aa".repeat(20)),
            hex(&"dd".repeat(50)),
            [
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ],
        ),
        (
            hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
            hex(&"cd".repeat(50)),
            [
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
                "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
                "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            ],
        ),
        (
            hex(&"0c".repeat(20)),
            hex("546573742057697468205472756e636174696f6e"),
            [
                "a3b6167473100ee06e0c796c2955552b",
                "3abf34c3503b2a23a46efc619baef897",
                "415fad6271580a531d4179bc891d87a6",
            ],
        ),
        (
            hex(&"aa".repeat(131)),
            hex(
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
            ),
            [
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ],
        ),
        (
            hex(&"aa".repeat(131)),
            hex(
                "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
            ),
            [
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
                "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ],
        ),
    ]
}

/// Returns key and message in hex, and the code of SHA-1 (RFC 2202, section 3).
fn rfc_2202() -> [(String, String, &'static str); 7] {
    let hex = |text: &str| text.to_owned();
    [
        (
            hex(&"0b".repeat(20)),
            hex("4869205468657265"),
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            hex("4a656665"),
            hex("7768617420646f2079612077616e7420666f72206e6f7468696e673f"),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (hex(&"aa".repeat(20)), hex(&"dd".repeat(50)), "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        (
            hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
            hex(&"cd".repeat(50)),
            "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
        ),
        (
            hex(&"0c".repeat(20)),
            hex("546573742057697468205472756e636174696f6e"),
            "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04",
        ),
        (
            hex(&"aa".repeat(80)),
            hex(
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
            ),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
        (
            hex(&"aa".repeat(80)),
            hex(
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920616e64204c6172676572205468616e204f6e6520426c6f636b2d53697a652044617461",
            ),
            "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
        ),
    ]
}

/// Returns each case: the hash, the key, the message, and the start of the code.
fn cases() -> Vec<(&'static str, Vec<u8>, Vec<u8>, &'static str)> {
    let bytes = |text: &str| hex::decode(text).unwrap();
    let mut all = Vec::new();
    for (key, message, codes) in rfc_4231() {
        for (hash, code) in ["SHA256", "SHA384", "SHA512"].into_iter().zip(codes) {
            all.push((hash, bytes(&key), bytes(&message), code));
        }
    }
    for (key, message, code) in rfc_2202() {
        all.push(("SHA1", bytes(&key), bytes(&message), code));
    }
    all
}

#[test]
fn hmac_functions_match_the_rfc_test_vectors() {
    let cases = cases();
    assert_eq!(cases.len(), 28);
    for (hash, key, message, code) in cases {
        let source = format!("$HMAC_{hash}($SECRET(\"KEY\"), message).$HEX()");
        let program = Engine::new().strangers(UndeclaredRoots::Allow).compile(&source).unwrap();
        let mut secrets = Secrets::default();
        secrets.add_bytes("KEY", key);
        let mut context = Context::new();
        context.set("message", Value::Bytes(&message)).set_secrets(&secrets);
        let created = program.eval(&context).unwrap();
        assert!(created.borrow().as_text().unwrap().starts_with(code), "{hash} {code}");
    }
}

#[test]
fn signature_verification_accepts_only_the_rfc_test_vectors() {
    for (hash, key, message, code) in cases() {
        let hash = hash.to_lowercase();
        let file = format!(
            "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"a\"\ntenant = \"acme\"\n\
             secrets.KEY = {{ env = \"KEY\", encoding = \"hex\" }}\n[[verify]]\nname = \"signature\"\n\
             [verify.signature]\nsecret = \"KEY\"\nhash = \"{hash}\"\npayload = 'raw_body'\n\
             received = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n"
        );
        let outside = hookgate::listener::ConfigSource {
            environment: &|_| Some(hex::encode(&key)),
            ..hookgate::listener::ConfigSource::empty()
        };
        let loaded = hookgate::listener::load("a.toml", &file, &outside);
        let listener = loaded.listener.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let sent = |code: &str| {
            let request = Request {
                id: "1",
                method: "POST",
                url: "https://hooks.example.com/",
                raw_query: "",
                headers: &[("X-Signature", code)],
                raw_body: &message,
                unpacked: &message,
                remote_address: None,
                received_at: "2025-08-20T12:00:00Z".parse().unwrap(),
            };
            let mut surroundings = DecisionContext {
                machine: &mut hookgate::engine::Machine::default(),
                limiter: &mut Unlimited,
                presented: &Presented::None,
                keys: &hookgate::listener::NoKeys,
            };
            decide(&listener, &request, request.received_at, &mut surroundings).outcome
        };
        // A truncated code, as in the fifth case, is not accepted.
        let whole = code.len() > 32;
        let accepted = if whole { Outcome::Accepted } else { Outcome::VerificationFailed };
        assert_eq!(sent(code), accepted, "{hash} {code}");
        let last = if code.ends_with('0') { "1" } else { "0" };
        let other = format!("{}{last}", &code[..code.len() - 1]);
        assert_eq!(sent(&other), Outcome::VerificationFailed, "{hash} {code}");
    }
}
