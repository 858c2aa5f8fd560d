//! The AWS services that checks read.

use admin_client::AwsService;

/// An AWS service that checks read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// AWS Certificate Manager.
    Acm,
    /// API Gateway: REST, HTTP and WebSocket APIs.
    ApiGateway,
    /// AWS AppConfig.
    AppConfig,
    /// AWS CloudFormation.
    CloudFormation,
    /// Amazon CloudWatch: metrics and alarms.
    CloudWatch,
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon EC2, with VPCs and security groups.
    Ec2,
    /// Elastic Load Balancing, version 2.
    LoadBalancing,
    /// Amazon EventBridge.
    EventBridge,
    /// AWS Identity and Access Management.
    Iam,
    /// AWS Key Management Service.
    Kms,
    /// AWS Lambda.
    Lambda,
    /// Amazon CloudWatch Logs.
    Logs,
    /// Service Quotas.
    Quotas,
    /// Amazon Route 53.
    Route53,
    /// Amazon S3. Its objects are only asked for, and never read.
    S3,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon SNS.
    Sns,
    /// Amazon SQS.
    Sqs,
    /// AWS Systems Manager, with its parameters.
    Ssm,
    /// AWS STS.
    Sts,
}

/// The form of the requests of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A form with `Action` and `Version`. The response is XML.
    Query {
        /// The version of the API.
        version: &'static str,
    },
    /// JSON, with the operation in `x-amz-target`.
    Json {
        /// The prefix of the target.
        target: &'static str,
        /// The content type of requests.
        content_type: &'static str,
    },
    /// `GET` requests. The response is JSON.
    Rest,
    /// `GET` requests. The response is XML.
    RestXml,
    /// `HEAD` requests. The response is its header fields.
    Head,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

impl Service {
    /// Returns the name in host names and signatures, and the variable that replaces the address.
    pub(super) const fn aws(self) -> AwsService {
        let (name, endpoint_variable) = match self {
            Self::Acm => ("acm", "AWS_ENDPOINT_URL_ACM"),
            Self::ApiGateway => ("apigateway", "AWS_ENDPOINT_URL_API_GATEWAY"),
            Self::AppConfig => ("appconfig", "AWS_ENDPOINT_URL_APPCONFIG"),
            Self::CloudFormation => ("cloudformation", "AWS_ENDPOINT_URL_CLOUDFORMATION"),
            Self::CloudWatch => ("monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH"),
            Self::DynamoDb => ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
            Self::Ec2 => ("ec2", "AWS_ENDPOINT_URL_EC2"),
            Self::LoadBalancing => (
                "elasticloadbalancing",
                "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
            ),
            Self::EventBridge => ("events", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
            Self::Iam => ("iam", "AWS_ENDPOINT_URL_IAM"),
            Self::Kms => ("kms", "AWS_ENDPOINT_URL_KMS"),
            Self::Lambda => ("lambda", "AWS_ENDPOINT_URL_LAMBDA"),
            Self::Logs => ("logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
            Self::Quotas => ("servicequotas", "AWS_ENDPOINT_URL_SERVICE_QUOTAS"),
            Self::Route53 => ("route53", "AWS_ENDPOINT_URL_ROUTE_53"),
            Self::S3 => ("s3", "AWS_ENDPOINT_URL_S3"),
            Self::SecretsManager => ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            Self::Sns => ("sns", "AWS_ENDPOINT_URL_SNS"),
            Self::Sqs => ("sqs", "AWS_ENDPOINT_URL_SQS"),
            Self::Ssm => ("ssm", "AWS_ENDPOINT_URL_SSM"),
            Self::Sts => ("sts", "AWS_ENDPOINT_URL_STS"),
        };
        AwsService {
            name,
            endpoint_variable,
        }
    }

    /// Returns the prefix of the service's permissions.
    #[must_use]
    pub const fn permission_prefix(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            _ => self.aws().name,
        }
    }

    /// Returns the field of a request for the token of the next page.
    pub(super) const fn token_name(self) -> &'static str {
        match self {
            Self::LoadBalancing | Self::Lambda => "Marker",
            Self::ApiGateway | Self::Logs => "nextToken",
            Self::AppConfig => "next_token",
            Self::DynamoDb => "ExclusiveStartTableName",
            _ => "NextToken",
        }
    }

    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::CloudFormation => query("2010-05-15"),
            Self::CloudWatch => query("2010-08-01"),
            Self::Ec2 => query("2016-11-15"),
            Self::Iam => query("2010-05-08"),
            Self::LoadBalancing => query("2015-12-01"),
            Self::Sns => query("2010-03-31"),
            Self::Sts => query("2011-06-15"),
            Self::Acm => json("CertificateManager", JSON_1_1),
            Self::DynamoDb => json("DynamoDB_20120810", JSON_1_0),
            Self::EventBridge => json("AWSEvents", JSON_1_1),
            Self::Kms => json("TrentService", JSON_1_1),
            Self::Logs => json("Logs_20140328", JSON_1_1),
            Self::Quotas => json("ServiceQuotasV20190624", JSON_1_1),
            Self::SecretsManager => json("secretsmanager", JSON_1_1),
            Self::Sqs => json("AmazonSQS", JSON_1_0),
            Self::Ssm => json("AmazonSSM", JSON_1_1),
            Self::ApiGateway | Self::AppConfig | Self::Lambda => Protocol::Rest,
            Self::Route53 => Protocol::RestXml,
            Self::S3 => Protocol::Head,
        }
    }
}

const fn query(version: &'static str) -> Protocol {
    Protocol::Query { version }
}

const fn json(target: &'static str, content_type: &'static str) -> Protocol {
    Protocol::Json {
        target,
        content_type,
    }
}
