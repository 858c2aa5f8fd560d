//! The reasons why a fact is not known.

use admin_client::{AwsError, ClientError};

/// The reason why AWS or the API could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The identity lacks a permission.
    #[error("needs {permission}")]
    Denied {
        /// The permission, such as `ec2:DescribeSubnets`.
        permission: String,
    },
    /// The object does not exist.
    #[error("{permission}: there is no such object")]
    NotFound {
        /// The permission of the call.
        permission: String,
    },
    /// The object is in another region.
    #[error("{permission}: the object is in another region")]
    OtherRegion {
        /// The permission of the call.
        permission: String,
    },
    /// There are no credentials, or no region.
    #[error("{0}")]
    NoCredentials(String),
    /// The call failed, or its response is not as documented.
    #[error("{0}")]
    Failed(String),
}

impl Unread {
    pub(super) fn of_aws(permission: String, error: &AwsError) -> Self {
        if error.is_access_denied() {
            Self::Denied { permission }
        } else if error.is_not_found() {
            Self::NotFound { permission }
        } else if error.is_redirect() {
            Self::OtherRegion { permission }
        } else if error.is_without_credentials() {
            Self::NoCredentials(error.to_string())
        } else {
            Self::Failed(format!("{permission}: {error}"))
        }
    }
}

impl From<ClientError> for Unread {
    fn from(error: ClientError) -> Self {
        if let Some(permission) = error.missing_permission() {
            let permission = permission.to_owned();
            return Self::Denied { permission };
        }
        if error.is_access_denied() {
            // Without a signature, the refusal names no permission.
            return Self::NoCredentials(error.to_string());
        }
        if error.is_not_found() {
            let permission = "execute-api:Invoke".to_owned();
            return Self::NotFound { permission };
        }
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use admin_client::CredentialsError;
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn of(error: &AwsError) -> Unread {
        Unread::of_aws("s3:GetObject".to_owned(), error)
    }

    #[test]
    fn missing_credentials_are_no_failed_call() {
        let error = AwsError::Credentials(CredentialsError::Missing);
        assert!(matches!(of(&error), Unread::NoCredentials(_)));
    }

    #[test]
    fn statuses_without_a_body_are_understood() {
        let permission = "s3:GetObject".to_owned();
        let with = |status: u16| {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status.try_into().unwrap();
            of(&AwsError::of_response("s3", &response))
        };
        assert_eq!(
            with(301),
            Unread::OtherRegion {
                permission: permission.clone()
            }
        );
        assert_eq!(
            with(404),
            Unread::NotFound {
                permission: permission.clone()
            }
        );
        assert_eq!(with(403), Unread::Denied { permission });
        assert!(matches!(with(400), Unread::Failed(_)));
    }
}
