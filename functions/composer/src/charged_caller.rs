//! The caller that the authorizer has charged, exactly as it is charged again.

use std::net::IpAddr;

use limits::{Caller, Plan};
use outcome::ContextField;

use crate::caller_context::CallerContext;

/// A caller with its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChargedCaller {
    pub(crate) caller: Caller,
    /// The group of the key. Unknown if all callers of the plan are charged together.
    group: Option<Caller>,
    /// True if the authorizer has charged all callers of the plan together.
    is_shared: bool,
    pub(crate) plan: String,
}

/// The context does not say exactly who is charged, so that no charge is possible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownCaller;

impl ChargedCaller {
    /// Reads the caller from the context. `None` for a caller without limits.
    ///
    /// `address` is that of the client, for a public route.
    ///
    /// # Errors
    /// [`UnknownCaller`] if the context is incomplete or contradicts itself.
    pub(crate) fn from_context(
        context: &CallerContext,
        address: Option<IpAddr>,
    ) -> Result<Option<Self>, UnknownCaller> {
        let has = |field| context.get(field).is_some();
        if !has(ContextField::Caller) && !has(ContextField::Plan) {
            return Ok(None);
        }
        let decoded = |field| context.decoded(field).ok_or(UnknownCaller);
        let plan = decoded(ContextField::Plan)?.into_owned();
        let charged = Caller::from_text(&decoded(ContextField::Caller)?).ok_or(UnknownCaller)?;

        let caller = match &charged {
            Caller::Plan(name) if **name == *plan => own_caller(context, address, &plan)?,
            Caller::Group(_) => own_key(context)?.ok_or(UnknownCaller)?,
            Caller::Key(_) if own_key(context)?.as_ref() != Some(&charged) => {
                return Err(UnknownCaller);
            }
            Caller::Plan(_) => return Err(UnknownCaller),
            charged => charged.clone(),
        };
        Ok(Some(Self {
            caller,
            is_shared: matches!(charged, Caller::Plan(_)),
            group: Some(charged).filter(|charged| matches!(charged, Caller::Group(_))),
            plan,
        }))
    }

    /// Returns an address that is charged on a plan of public routes.
    pub(crate) fn from_address(address: IpAddr, plan: &str) -> Self {
        Self {
            caller: Caller::from_address(address, plan),
            group: None,
            is_shared: false,
            plan: plan.to_owned(),
        }
    }

    /// Returns the group that is charged instead of the caller on a plan.
    ///
    /// # Errors
    /// [`UnknownCaller`] if the plan has changed since the authorizer charged it, so that the group
    /// of the key is charged now but unknown.
    pub(crate) fn group_on(&self, plan: &Plan) -> Result<Option<&Caller>, UnknownCaller> {
        let is_shared = plan.charged(&self.caller) != &self.caller;
        if self.is_shared && !is_shared && matches!(self.caller, Caller::Key(_)) {
            return Err(UnknownCaller);
        }
        Ok(self.group.as_ref())
    }
}

fn own_key(context: &CallerContext) -> Result<Option<Caller>, UnknownCaller> {
    if context.get(ContextField::KeyId).is_none() {
        return Ok(None);
    }
    let id = context.decoded(ContextField::KeyId).ok_or(UnknownCaller)?;
    Ok(Some(Caller::Key(id.into_owned())))
}

/// Returns the caller on a plan whose callers are charged together. Its usage is reported
/// separately.
fn own_caller(
    context: &CallerContext,
    address: Option<IpAddr>,
    plan: &str,
) -> Result<Caller, UnknownCaller> {
    if let Some(key) = own_key(context)? {
        return Ok(key);
    }

    let decoded = |field| context.decoded(field).ok_or(UnknownCaller);
    match context.get(ContextField::Auth) {
        Some("jwt" | "introspection") => {
            let (iss, subject) = (
                decoded(ContextField::Issuer)?,
                decoded(ContextField::UserId)?,
            );
            Ok(Caller::from_subject(&iss, &subject))
        }
        Some("mtls") => {
            let (subject, issuer) = (
                decoded(ContextField::UserId)?,
                decoded(ContextField::Issuer)?,
            );
            Ok(Caller::from_certificate(&subject, &issuer))
        }
        Some("none") => {
            let address = address.ok_or(UnknownCaller)?;
            Ok(Caller::from_address(address, plan))
        }
        _ => Err(UnknownCaller),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        let subject = Caller::from_subject("https://issuer.example", "alice").to_string();
        let certificate = Caller::from_certificate("CN=a", "CN=ca").to_string();
        let callers = [
            "-",
            "",
            "key#k",
            "key#a%25b",
            "group#acme",
            "plan#free",
            "plan#other",
            "user#alice",
            "ip#192.0.2.7#free",
            "k",
            "a%25b",
            "alice",
            "https://issuer.example",
            "free",
            "jwt",
            "introspection",
            "api_key",
            "mtls",
            "none",
            "%",
            "sub#0a",
            &subject,
            &certificate,
        ];
        select(callers.map(str::to_owned).to_vec())
    }

    fn context() -> impl Strategy<Value = CallerContext> {
        let fields = [
            ContextField::Caller,
            ContextField::Plan,
            ContextField::KeyId,
            ContextField::Auth,
            ContextField::UserId,
            ContextField::Issuer,
        ];
        proptest::collection::vec(text(), fields.len())
            .prop_map(move |texts| CallerContext::new(fields.into_iter().zip(texts)))
    }

    proptest! {
        #[test]
        fn exactly_the_caller_of_the_context_is_charged(
            context in context(),
            address in proptest::option::of(Just("192.0.2.7".parse().unwrap())),
        ) {
            let decoded = |field| context.decoded(field).map(String::from);
            let named = (decoded(ContextField::Caller), decoded(ContextField::Plan));

            match ChargedCaller::from_context(&context, address) {
                Ok(Some(charged)) => {
                    let plan = Caller::Plan(charged.plan.as_str().into());
                    let own = charged.group.as_ref().unwrap_or(&charged.caller);
                    let limits = if charged.is_shared { &plan } else { own };
                    prop_assert_eq!(named, (Some(limits.to_string()), Some(charged.plan)));
                }
                // A value that cannot be decoded is there, and names no caller.
                Ok(None) => prop_assert_eq!(named, (None, None)),
                Err(UnknownCaller) => {}
            }
        }
    }
}
