// What the field `detail` of a refusal says, where it says more than the reason itself. A test compares the texts
// with docs/reference/reasons.md.

const NO_CREDENTIAL = "The request has no credential of the kind that the rule accepts.";
const FRONT = "The header x-origin-verify is missing, or it is not exactly one of the secrets.";
const NOT_YET = "The token is not valid yet.";

/** Texts by reason and detail. A name that ends in a colon is for details that begin with it. */
export const DETAILS = {
  missing_credentials: {
    token_missing: NO_CREDENTIAL,
    api_key_missing: NO_CREDENTIAL,
    certificate_missing: NO_CREDENTIAL,
    credential_missing: NO_CREDENTIAL,
  },
  malformed_credentials: {
    scheme: "The header is not Bearer TOKEN. See scheme in the policy.",
    form: "The token or key contains characters that it cannot have, or the key is too short or too long.",
    api_key_form: "The token or key contains characters that it cannot have, or the key is too short or too long.",
    cookie_repeated: "The token's cookie occurs with different values.",
    certificate: "The client certificate has no usable name.",
  },
  cross_site: {
    origin_missing: "A request with the cookie has neither Sec-Fetch-Site: same-origin nor Origin.",
    origin_unknown: "The Origin is neither the API's own nor in token.origins.",
    origin_repeated: "Origin or Sec-Fetch-Site has several values.",
  },
  invalid_token: {
    form:
      "The token is not three segments in base64url, the first two of them JSON objects without duplicate fields.",
    opaque:
      "The token is not a JWT, and the policy has no introspection. " +
      "For an API key as a bearer token, set api_keys.bearer.",
    too_long: "The token has more than 10,240 bytes.",
    "header:":
      "The header has a parameter that changes the meaning of the signature (crit, b64, zip, enc), " +
      "or an invalid kid.",
    issuer_missing:
      "The token has no iss, or the policy has no entry for it. A missing slash at the end is enough.",
    issuer_unknown:
      "The token has no iss, or the policy has no entry for it. A missing slash at the end is enough.",
    tenant: "The policy does not accept tokens of the tenant.",
    algorithm: "The entry does not accept the alg of the token.",
    type:
      "The entry does not accept the typ of the token, or the introspection endpoint says that it is a refresh token.",
    kid_missing: "The token names no key. See kid in the policy.",
    kid_unknown: "The issuer's key set has no key with this kid for this alg.",
    key_issuer: "The signing key belongs to another tenant.",
    pattern: "The token does not match introspection.token_pattern.",
    inactive: "The introspection endpoint says that the token is not active, or refuses it.",
    refused_by_server: "The introspection endpoint says that the token is not active, or refuses it.",
  },
  invalid_claims: {
    audience: "No entry of the issuer accepts the audience of the token.",
    issuer: "The introspection endpoint names another issuer.",
    "claim:": "The claim is missing, has the wrong type, or has a value that the policy does not accept.",
    not_before: NOT_YET,
    issued_at: NOT_YET,
    lifetime: "The lifetime is longer than max_lifetime_s.",
    certificate: "The token is bound to a certificate that the client did not send.",
  },
  not_from_front: { secret_missing: FRONT, secret_wrong: FRONT },
};
