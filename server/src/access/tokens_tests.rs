use super::*;
use crate::access::settings::TokenKeys;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

const SECRET: &str = "a secret of more than thirty-two bytes";

fn tokens(folder: &std::path::Path, role_claim: &str) -> Tokens {
    let path = folder.join("secret");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    Tokens::open(&TokenSettings {
        issuer: "https://id.example".into(),
        audience: "azulejo".into(),
        keys: TokenKeys::Secret(path),
        role_claim: role_claim.into(),
    })
    .unwrap()
}

fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": ["other", "azulejo"], "sub": "ann", "role": "submit",
        "exp": get_current_timestamp() + 600})
}

fn with(change: impl Fn(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

#[tokio::test]
async fn a_signed_token_for_this_server_says_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens(folder.path(), "role");
    let caller = tokens
        .check(&signed(&claims(), SECRET), Visibility::Own)
        .await
        .unwrap();
    assert_eq!(
        (&*caller.name, caller.owner(), caller.role),
        ("jwt:ann", Some("jwt:ann"), Role::Submit)
    );
}

#[tokio::test]
async fn every_other_token_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens(folder.path(), "role");
    let now = get_current_timestamp();
    let unsigned = {
        let whole = signed(&claims(), SECRET);
        let payload = whole.split('.').nth(1).unwrap().to_owned();
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{payload}.")
    };
    let cases = [
        (
            signed(&claims(), "another secret of more than 32 bytes!"),
            401,
            "token_invalid",
        ),
        (unsigned, 401, "token_invalid"),
        ("nonsense".to_owned(), 401, "token_invalid"),
        (
            signed(&with(|c| c["exp"] = json!(now - 3600)), SECRET),
            401,
            "token_expired",
        ),
        (
            signed(&with(|c| c["nbf"] = json!(now + 3600)), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| c["iss"] = json!("https://evil.example")), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| c["aud"] = json!("other")), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| drop(c.as_object_mut().unwrap().remove("exp"))), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| drop(c.as_object_mut().unwrap().remove("aud"))), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| c["sub"] = json!("")), SECRET),
            401,
            "token_invalid",
        ),
        (
            signed(&with(|c| c["role"] = json!("root")), SECRET),
            403,
            "not_allowed",
        ),
        (
            signed(&with(|c| drop(c.as_object_mut().unwrap().remove("role"))), SECRET),
            403,
            "not_allowed",
        ),
    ];
    for (index, (token, status, code)) in cases.iter().enumerate() {
        let error = tokens.check(token, Visibility::Own).await.unwrap_err();
        assert_eq!(
            (error.status, error.code.as_str()),
            (*status, *code),
            "case {index}: {}",
            error.detail
        );
    }
}

#[tokio::test]
async fn the_role_is_the_highest_that_the_claim_names_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (claim, value, role) in [
        ("role", json!({"role": ["other", "read", "admin"]}), Role::Admin),
        ("scope", json!({"scope": "openid read submit"}), Role::Submit),
        (
            "realm_access.roles",
            json!({"realm_access": {"roles": ["read"]}}),
            Role::Read,
        ),
        (
            "https://example.org/role",
            json!({"https://example.org/role": "admin"}),
            Role::Admin,
        ),
    ] {
        let tokens = tokens(folder.path(), claim);
        let token = signed(
            &with(|c| {
                c.as_object_mut()
                    .unwrap()
                    .extend(value.as_object().unwrap().clone())
            }),
            SECRET,
        );
        assert_eq!(
            tokens.check(&token, Visibility::Own).await.unwrap().role,
            role,
            "{claim}"
        );
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    // With the public key as the secret of HS256, anybody could sign.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let secret =
        json!({"kty": "oct", "kid": "two", "k": "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIHRoaXJ0eS10d28gYnl0ZXM"});
    let set = json!({"keys": [key, secret]}).to_string();
    std::fs::write(&path, &set).unwrap();
    let tokens = Tokens::open(&TokenSettings {
        issuer: "https://id.example".into(),
        audience: "azulejo".into(),
        keys: TokenKeys::File(path),
        role_claim: "role".into(),
    })
    .unwrap();
    for secret in [
        SECRET,
        set.as_str(),
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ] {
        assert!(
            tokens
                .check(&signed(&claims(), secret), Visibility::Own)
                .await
                .is_err()
        );
    }
}

#[test]
fn keys_that_cannot_be_used_are_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let open = |keys| {
        let settings = TokenSettings {
            issuer: "i".into(),
            audience: "a".into(),
            keys,
            role_claim: "role".into(),
        };
        format!("{:#}", Tokens::open(&settings).unwrap_err())
    };
    assert!(open(TokenKeys::File(path.clone())).contains("No such file"));
    std::fs::write(&path, "short").unwrap();
    assert!(open(TokenKeys::Secret(path.clone())).contains("at least 32"));
    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    assert!(open(TokenKeys::File(path)).contains("no public key"));
}
