//! Plans, policies and their candidates: documents with a name and an entity tag.

use std::process::ExitCode;

use admin_client::{AdminClient, AdminRequest, AdminResponse, ApiPath, ClientError};
use clap::Args;
use declaration::yaml_text;
use serde_json::Value;

use super::{CommandError, answer};
use crate::output::{
    self, OutputArgs, confirm, escaped, print_json, print_json_text, print_line, until_closed,
};

/// A document of the API.
#[derive(Debug)]
pub(crate) struct Document {
    /// The kind and the name, such as `plan free`.
    pub(crate) label: String,
    pub(crate) path: ApiPath,
}

/// The form in which a document is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct DocumentForm {
    /// Print JSON. This is the default
    #[arg(long, conflicts_with_all = ["yaml", "etag"])]
    json: bool,
    /// Print YAML
    #[arg(long, conflicts_with = "etag")]
    yaml: bool,
    /// Print the entity tag, for `--if-match`
    #[arg(long)]
    etag: bool,
}

/// A condition for a change.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Condition {
    /// Make the change only if this is the present entity tag, which `get --etag` prints
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

impl Condition {
    /// Adds the condition to a request. Quotation marks, which a shell removes, may be missing.
    pub(crate) fn apply(&self, request: AdminRequest) -> AdminRequest {
        match self.if_match.as_deref() {
            None => request,
            Some(etag) if etag == "*" || etag.contains('"') => request.if_match(etag),
            Some(etag) => request.if_match(&format!("\"{etag}\"")),
        }
    }
}

impl DocumentForm {
    /// True if the document is printed as JSON.
    pub(crate) const fn is_json(self) -> bool {
        !self.yaml && !self.etag
    }
}

impl Document {
    /// Prints the document.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be read or printed.
    pub(crate) async fn print(
        &self,
        client: &AdminClient,
        form: DocumentForm,
    ) -> Result<ExitCode, CommandError> {
        let response = client.get(&self.path).await;
        let response = response.map_err(|error| self.failed(error))?;

        if form.etag {
            until_closed(print_line(answer::etag(&response, &self.label)?))?;
        } else if form.yaml {
            print_yaml(&answer::object(&response)?)?;
        } else {
            until_closed(print_json(&answer::object(&response)?))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints the JSON of the document. Its numbers are printed as they are stored, however long.
    ///
    /// # Errors
    /// [`CommandError`] if it cannot be read or printed.
    pub(crate) async fn print_text(&self, client: &AdminClient) -> Result<ExitCode, CommandError> {
        let response = client.get(&self.path).await;
        let response = response.map_err(|error| self.failed(error))?;

        answer::object(&response)?;
        until_closed(print_json_text(&response.text()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Creates the document. It must not exist.
    ///
    /// # Errors
    /// [`CommandError`] if it exists or is refused.
    pub(crate) async fn create(
        &self,
        client: &AdminClient,
        document: &Value,
        output: OutputArgs,
    ) -> Result<ExitCode, CommandError> {
        let put = AdminRequest::put(&*self.path, document);
        self.create_by(client, put, output).await
    }

    /// Creates the document by a `PUT` request. It must not exist.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub(crate) async fn create_by(
        &self,
        client: &AdminClient,
        put: AdminRequest,
        output: OutputArgs,
    ) -> Result<ExitCode, CommandError> {
        match client.send(put.if_none_match_any()).await {
            Ok(response) => self.report(&response, output),
            Err(error) if error.is_precondition_failed() => Err(CommandError::refused(format!(
                "{} already exists; `set` replaces it",
                self.label
            ))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Creates or replaces the document.
    ///
    /// # Errors
    /// [`CommandError`] if the condition is not met, or the document is refused.
    pub(crate) async fn set(
        &self,
        client: &AdminClient,
        document: &Value,
        condition: &Condition,
        output: OutputArgs,
    ) -> Result<ExitCode, CommandError> {
        let put = AdminRequest::put(&*self.path, document);
        self.set_by(client, put, condition, output).await
    }

    /// Creates or replaces the document by a `PUT` request.
    ///
    /// # Errors
    /// As for [`Self::set`].
    pub(crate) async fn set_by(
        &self,
        client: &AdminClient,
        put: AdminRequest,
        condition: &Condition,
        output: OutputArgs,
    ) -> Result<ExitCode, CommandError> {
        let response = client.send(condition.apply(put)).await;
        let response = response.map_err(|error| self.failed(error))?;
        self.report(&response, output)
    }

    /// Sends a request that deletes the document, after a question.
    ///
    /// # Errors
    /// The response, so that the caller can explain a conflict.
    pub(crate) async fn delete(
        &self,
        client: &AdminClient,
        request: AdminRequest,
        yes: bool,
    ) -> Result<Deletion, CommandError> {
        let question = format!("Delete {} of {}?", self.label, client.target());
        if !confirm(&question, yes)? {
            output::note("nothing was deleted");
            return Ok(Deletion::Declined);
        }

        match client.send(request).await {
            Ok(response) => {
                answer::deletion(&response)?;
                until_closed(print_line(&format!("deleted {}", self.label)))?;
                Ok(Deletion::Done)
            }
            Err(error) if error.is_conflict() => Ok(Deletion::Conflict(error)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Deletes a document that a function may use, after a question. `force` deletes it even then.
    ///
    /// # Errors
    /// [`CommandError`] if the deletion fails. The message for a conflict says what `force` does to the
    /// `function`.
    pub(crate) async fn delete_although_used(
        &self,
        client: &AdminClient,
        condition: &Condition,
        (force, yes): (bool, bool),
        function: &str,
    ) -> Result<ExitCode, CommandError> {
        let path = match force {
            true => self.path.clone().query(&[("force", "true")]),
            false => self.path.clone(),
        };
        let request = condition.apply(AdminRequest::delete(&*path));

        match self.delete(client, request, yes).await? {
            Deletion::Done => Ok(ExitCode::SUCCESS),
            Deletion::Declined => Ok(ExitCode::FAILURE),
            Deletion::Conflict(error) => Err(CommandError::refused(format!(
                "{error}\n--force deletes it although it is in use; no new instance of the \
                 {function} can then start"
            ))),
        }
    }

    /// Prints the result of a write, and warnings to standard error.
    pub(crate) fn report(
        &self,
        response: &AdminResponse,
        output: OutputArgs,
    ) -> Result<ExitCode, CommandError> {
        let document = answer::object(response)?;
        for warning in response.warnings() {
            output::warn(&format!("{}: {warning}", self.label));
        }

        if output.json {
            until_closed(print_json(&document))?;
        } else {
            let is_new = response.status == 201;
            let verb = if is_new { "created" } else { "replaced" };
            until_closed(print_line(&format!("{verb} {}", self.label)))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the error of a request. The message of the client names the document.
    pub(crate) fn failed(&self, error: ClientError) -> CommandError {
        if !error.is_precondition_failed() {
            return error.into();
        }
        CommandError::refused(format!(
            "{} does not have this entity tag: it was changed or deleted. Read it again with \
             `get`, and its entity tag with `get --etag`",
            self.label
        ))
    }
}

/// Prints YAML. A value with characters that control a terminal is printed as JSON, which is YAML too
/// and can escape all of them.
fn print_yaml(document: &Value) -> Result<(), CommandError> {
    let text = yaml_text(document);
    if text.lines().any(|line| escaped(line) != line) {
        return Ok(until_closed(print_json(document))?);
    }
    for line in text.lines() {
        until_closed(print_line(line))?;
    }
    Ok(())
}

/// The result of a deletion.
#[derive(Debug)]
pub(crate) enum Deletion {
    Done,
    /// The user has not confirmed it.
    Declined,
    /// The API refused it, because the object is in use or has changed.
    Conflict(ClientError),
}
