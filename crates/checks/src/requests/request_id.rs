//! The id of a request, in its response.

use super::reply::Reply;
use super::run::KeyEntry;
use super::session::{REQUEST_ID, Session};
use crate::check::{Check, Group};
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "request-id-returned",
    group: Group::Requests,
    title: "Each response has the id of its request, and not an id of the client",
    explanation: "With the field `x-request-id` of a response, an operator finds the request in \
                  the access log and in the log of the authorizer. The id is that of API Gateway. \
                  A client that could choose it could hide its requests in the logs.",
    fix: "Deploy the stack again: the mappings of `x-request-id` differ from the template. For \
          your own integrations, copy them from `tollgate mappings`.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let reply = session.admitted_call().await?;
    Ok(verdict(reply, &session.client_id))
}

/// Decides on the response to a request with an id of the client.
fn verdict(reply: &Reply, client_id: &str) -> Verdict {
    let summary = reply.summary();
    let Some(id) = reply.header(REQUEST_ID) else {
        return Verdict::failed(format!("{summary} without {REQUEST_ID}"));
    };
    if id.contains(client_id) {
        return Verdict::failed(format!(
            "{summary} with the {REQUEST_ID} that the client sent"
        ));
    }
    match reply.header("apigw-requestid") {
        Some(gateway_id) if gateway_id != id => Verdict::failed(format!(
            "{summary} with {REQUEST_ID}: {id}, expected {gateway_id}, the id in apigw-requestid"
        )),
        _ => Verdict::ok(format!("{summary} with {REQUEST_ID}: {id}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    #[test]
    fn id_of_the_gateway_passes() {
        let both = [("x-request-id", "r1"), ("apigw-requestid", "r1")];
        for headers in [&both[..], &both[..1]] {
            assert_eq!(verdict(&reply(200, headers, ""), "mine").status, Status::Ok);
        }
    }

    #[test]
    fn missing_id_and_ids_of_others_fail() {
        for (headers, text) in [
            (&[][..], "without x-request-id"),
            (&[("x-request-id", "mine")][..], "that the client sent"),
            (
                &[("x-request-id", "r1"), ("apigw-requestid", "r2")][..],
                "expected r2",
            ),
        ] {
            let failed = verdict(&reply(200, headers, ""), "mine");
            assert_eq!(failed.status, Status::Failed);
            assert!(failed.details[0].contains(text), "{failed:?}");
        }
    }
}
