//! Signatures of single requests (AWS Signature Version 4).

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};

/// The request cannot be signed: it has no host, or a header that is not text.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed")]
pub struct SignatureError;

/// Signs a request with its body. `service` is the name of the service in signatures, such as
/// `execute-api`.
///
/// The signature covers method, URL and body, and the headers `host`, `content-type` and `x-amz-*`.
/// Other headers may be changed or added later. The header `host` is set.
///
/// # Errors
/// [`SignatureError`] if the request has no host, or a signed header that is not text.
pub fn sign(
    request: &mut Request<Bytes>,
    credentials: &Credentials,
    service: &str,
    region: &str,
    time: SystemTime,
) -> Result<(), SignatureError> {
    let host = request.uri().authority().ok_or(SignatureError)?.to_string();
    let host = HeaderValue::from_str(&host).map_err(|_| SignatureError)?;
    request.headers_mut().insert(HOST, host);

    let signature = signature(request, credentials, service, region, time)?;
    for (name, value) in signature {
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// Returns the headers that the signature adds. Their values are marked as sensitive.
fn signature(
    request: &Request<Bytes>,
    credentials: &Credentials,
    service: &str,
    region: &str,
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>, SignatureError> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings(service))
        .build()
        .map_err(|_| SignatureError)?;

    let url = request.uri().to_string();
    let headers = signed_headers(request)?;
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), &url, headers.into_iter(), body)
        .map_err(|_| SignatureError)?;
    let signed = sign_request(signable, &params.into()).map_err(|_| SignatureError)?;

    let (instructions, _) = signed.into_parts();
    instructions.headers().map(header).collect()
}

/// Returns the settings of a service. Amazon S3 signs the path as it is sent, and needs the digest
/// of the body in a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// Returns the headers that the signature covers.
fn signed_headers(request: &Request<Bytes>) -> Result<Vec<(&str, &str)>, SignatureError> {
    let is_signed = |name: &HeaderName| {
        *name == HOST || *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-")
    };
    let headers = request.headers().iter().filter(|(name, _)| is_signed(name));
    headers
        .map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(|_| SignatureError)?)))
        .collect()
}

fn header((name, value): (&str, &str)) -> Result<(HeaderName, HeaderValue), SignatureError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SignatureError)?;
    let mut value = HeaderValue::from_str(value).map_err(|_| SignatureError)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        Credentials::new(
            "AKIDEXAMPLE",
            secret,
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    /// Returns the instant of AWS's test suite for Signature Version 4: 2015-08-30T12:36:00Z.
    fn instant() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    fn signed(url: &str, token: Option<&str>) -> Request<Bytes> {
        let mut request = Request::get(url)
            .header("x-request-id", "unsigned")
            .body(Bytes::new())
            .unwrap();
        sign(
            &mut request,
            &credentials(token),
            "service",
            "us-east-1",
            instant(),
        )
        .unwrap();
        request
    }

    fn authorization(request: &Request<Bytes>) -> &str {
        request.headers()["authorization"].to_str().unwrap()
    }

    #[test]
    fn signature_is_that_of_the_test_suite_of_aws() {
        // The case `get-vanilla`.
        let request = signed("https://example.amazonaws.com/", None);
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        assert_eq!(request.headers()["host"], "example.amazonaws.com");
        assert!(request.headers()["authorization"].is_sensitive());
    }

    #[test]
    fn encoded_path_and_query_are_signed_as_botocore_signs_them() {
        let url = "https://example.amazonaws.com/_aws/execute-api/abc/$default/_tollgate/v1/keys/\
                   a%2Fb?plan=a%20b&cursor=x%3D%3D&Plan=%C3%A4";
        let mut request = Request::put(url)
            .header(CONTENT_TYPE, "application/json")
            .header("if-match", "unsigned")
            .body(Bytes::from_static(br#"{"plan":"pro"}"#))
            .unwrap();
        sign(
            &mut request,
            &credentials(None),
            "execute-api",
            "us-east-1",
            instant(),
        )
        .unwrap();
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=193e507fd5d8e26cb21ac8f60836056134fa2480722c74c13d386bbaf6a49b4f"
        );
    }

    #[test]
    fn path_of_an_s3_object_is_signed_as_botocore_signs_it() {
        let url = "https://s3.eu-west-1.amazonaws.com/bucket/a%20b//c%2Fd.pem?versionId=x%2By";
        let mut request = Request::head(url).body(Bytes::new()).unwrap();
        sign(
            &mut request,
            &credentials(None),
            "s3",
            "eu-west-1",
            instant(),
        )
        .unwrap();
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
             Signature=0c7e3dc0b2fc3be3edcbf4f0bac5493513bb21d4f4cb44c5b696f88ad4bbcf41"
        );
    }

    #[test]
    fn session_token_is_sent_and_signed() {
        let request = signed("https://example.amazonaws.com/", Some("token"));
        assert_eq!(request.headers()["x-amz-security-token"], "token");
        let signed_headers = "SignedHeaders=host;x-amz-date;x-amz-security-token";
        assert!(authorization(&request).contains(signed_headers));
    }

    #[test]
    fn request_without_a_host_cannot_be_signed() {
        let mut request = Request::get("/").body(Bytes::new()).unwrap();
        let outcome = sign(&mut request, &credentials(None), "s", "r", instant());
        assert!(outcome.is_err());
    }
}
