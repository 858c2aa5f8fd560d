//! The introspection request, with the authentication of the client.
//!
//! Source: RFC 7662, section 2.1; RFC 6749, section 2.3.1; RFC 7523, section 2.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::ClientAuth;

use crate::outbound::with_headers;

/// The characters that `application/x-www-form-urlencoded` encodes (WHATWG URL,
/// "application/x-www-form-urlencoded serializing"). Most generated secrets contain none of them,
/// so a server that does not decode Basic credentials accepts them too.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'~');

/// The type of a client assertion that is a JWT (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that the authorizer is to the server.
pub(crate) struct Client<'c> {
    pub(crate) auth: ClientAuth,
    pub(crate) id: &'c str,
    /// The secret, or the assertion with [`ClientAuth::PrivateKeyJwt`]. Empty with
    /// [`ClientAuth::None`].
    pub(crate) secret: String,
}

/// Returns the introspection request for a token.
pub(crate) fn request(
    endpoint: &Uri,
    client: &Client<'_>,
    token: &str,
) -> Result<Request<Bytes>, http::Error> {
    let mut body = format!("token={}&token_type_hint=access_token", encoded(token));
    let mut request = with_headers(Request::post(endpoint.clone()))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");

    match client.auth {
        ClientAuth::Basic => {
            request = request.header(
                AUTHORIZATION,
                basic(&encoded(client.id), &encoded(&client.secret))?,
            )
        }
        ClientAuth::BasicRaw => {
            request = request.header(AUTHORIZATION, basic(client.id, &client.secret)?)
        }
        ClientAuth::Post => {
            body += &format!(
                "&client_id={}&client_secret={}",
                encoded(client.id),
                encoded(&client.secret)
            );
        }
        ClientAuth::PrivateKeyJwt => {
            body += &format!(
                "&client_id={}&client_assertion_type={}&client_assertion={}",
                encoded(client.id),
                encoded(JWT_BEARER),
                encoded(&client.secret)
            );
        }
        ClientAuth::None if client.id.is_empty() => {}
        ClientAuth::None => body += &format!("&client_id={}", encoded(client.id)),
    }
    request.body(Bytes::from(body))
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::from_str(&format!(
        "Basic {}",
        STANDARD.encode(format!("{id}:{secret}"))
    ))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Encodes a string for a form, with a space as `+`.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM)
        .to_string()
        .replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(auth: ClientAuth, id: &str, secret: &str) -> (Option<String>, String) {
        let secret = secret.to_owned();
        let client = Client { auth, id, secret };
        let request = request(
            &"https://a/introspect".parse().unwrap(),
            &client,
            "to~k/en+=",
        )
        .unwrap();
        let credentials = request.headers().get(AUTHORIZATION).map(|value| {
            let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
            String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
        });
        (
            credentials,
            String::from_utf8(request.into_body().to_vec()).unwrap(),
        )
    }

    #[test]
    fn credentials_are_sent_as_configured() {
        let token = "token=to~k%2Fen%2B%3D&token_type_hint=access_token";
        for (auth, id, secret, credentials, body) in [
            (
                ClientAuth::Basic,
                "shop-api",
                "Ab_cd-ef.gh~*",
                Some("shop-api:Ab_cd-ef.gh~*"),
                "",
            ),
            (
                ClientAuth::Basic,
                "a b",
                "p:w/ü&%",
                Some("a+b:p%3Aw%2F%C3%BC%26%25"),
                "",
            ),
            (
                ClientAuth::BasicRaw,
                "a b",
                "p:w/&%",
                Some("a b:p:w/&%"),
                "",
            ),
            (
                ClientAuth::Post,
                "a b",
                "p:w",
                None,
                "&client_id=a+b&client_secret=p%3Aw",
            ),
            (
                ClientAuth::PrivateKeyJwt,
                "shop",
                "e30.e30.x_y-z",
                None,
                "&client_id=shop\
                 &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                 &client_assertion=e30.e30.x_y-z",
            ),
            (ClientAuth::None, "shop", "", None, "&client_id=shop"),
            (ClientAuth::None, "", "", None, ""),
        ] {
            assert_eq!(
                sent(auth, id, secret),
                (credentials.map(str::to_owned), format!("{token}{body}")),
                "{auth:?} {id}"
            );
        }
    }
}
