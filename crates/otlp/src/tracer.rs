//! Spans of the OpenTelemetry SDK, and the metrics that follow from them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use opentelemetry_semantic_conventions::{SCHEMA_URL, attribute};
use telemetry::{AttributeValue, RecordedSpan, SpanKind, TraceParent, Tracer, shorten};

use crate::metrics::{EndedSpan, SpanMetrics};
use crate::queue::SpanQueue;
use crate::settings::Settings;

/// The name of the instrumentation scope.
pub(crate) const SCOPE: &str = "tollgate";
/// The version of the instrumentation scope.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The tracer of a process. Without a queue of spans, it only measures: traces of others pass
/// through unchanged.
pub(crate) struct OtlpTracer {
    tracer: SdkTracer,
    metrics: Arc<SpanMetrics>,
    propagates: bool,
    only_measures: bool,
}

impl OtlpTracer {
    pub(crate) fn new(
        settings: &Settings,
        queue: Option<SpanQueue>,
        metrics: Arc<SpanMetrics>,
    ) -> Self {
        let only_measures = queue.is_none();
        let sampler = if only_measures {
            Sampler::AlwaysOff
        } else {
            settings.sampler.clone()
        };
        let mut provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(settings.resource.clone());
        if let Some(queue) = queue {
            provider = provider.with_span_processor(queue);
        }

        let scope = InstrumentationScope::builder(SCOPE)
            .with_version(VERSION)
            .with_schema_url(SCHEMA_URL)
            .build();
        Self {
            tracer: provider.build().tracer_with_scope(scope),
            metrics,
            propagates: settings.propagates || only_measures,
            only_measures,
        }
    }
}

impl Tracer for OtlpTracer {
    fn begin(
        &self,
        kind: SpanKind,
        name: Cow<'static, str>,
        parent: Option<&TraceParent>,
    ) -> Box<dyn RecordedSpan> {
        let is_remote = matches!(kind, SpanKind::Server | SpanKind::Consumer);
        let parent = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(span_context(parent, is_remote))
        });

        let (began, started) = (Instant::now(), SystemTime::now());
        let builder = self.tracer.span_builder(name).with_kind(sdk_kind(kind));
        let builder = builder.with_start_time(started);
        let span = self.tracer.build_with_context(builder, &parent);
        let context = (!self.only_measures).then(|| trace_parent(span.span_context()));
        Box::new(ActiveSpan {
            context,
            span,
            kind,
            attributes: Vec::new(),
            error_type: None,
            began,
            started,
            metrics: Arc::clone(&self.metrics),
        })
    }

    fn propagates(&self) -> bool {
        self.propagates
    }
}

/// A span in progress. Its attributes are handed to the SDK when it ends, because a later value
/// replaces an earlier one, and because metrics need them although a trace is not recorded.
struct ActiveSpan {
    span: Span,
    context: Option<TraceParent>,
    kind: SpanKind,
    attributes: Vec<(&'static str, AttributeValue)>,
    error_type: Option<Cow<'static, str>>,
    began: Instant,
    started: SystemTime,
    metrics: Arc<SpanMetrics>,
}

impl RecordedSpan for ActiveSpan {
    fn context(&self) -> Option<&TraceParent> {
        self.context.as_ref()
    }

    fn set(&mut self, name: &'static str, value: AttributeValue) {
        let value = match value {
            AttributeValue::Text(Cow::Owned(text)) => AttributeValue::from(shorten(text)),
            other => other,
        };

        match self.attributes.iter_mut().find(|(set, _)| *set == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.attributes.push((name, value)),
        }
    }

    fn rename(&mut self, name: Cow<'static, str>) {
        self.span.update_name(name);
    }

    fn fail(&mut self, error_type: Cow<'static, str>) {
        self.error_type.get_or_insert(error_type);
    }

    fn end(&mut self) {
        if let Some(error_type) = self.error_type.take() {
            self.set(attribute::ERROR_TYPE, error_type.into());
            self.span.set_status(Status::error(""));
        }

        let duration = self.began.elapsed();
        self.metrics.record(&EndedSpan {
            kind: self.kind,
            attributes: &self.attributes,
            duration,
            context: self.context.as_ref(),
        });
        if self.span.is_recording() {
            for (name, value) in self.attributes.drain(..) {
                self.span
                    .set_attribute(KeyValue::new(name, sdk_value(value)));
            }
        }
        // The system's clock may be set back while the span is in progress.
        self.span.end_with_timestamp(self.started + duration);
    }
}

impl fmt::Debug for ActiveSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ActiveSpan({:?})", self.context)
    }
}

fn sdk_value(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => Value::String(StringValue::from(text)),
        AttributeValue::Integer(number) => Value::I64(number),
        AttributeValue::Flag(flag) => Value::Bool(flag),
    }
}

const fn sdk_kind(kind: SpanKind) -> opentelemetry::trace::SpanKind {
    use opentelemetry::trace::SpanKind as Sdk;

    match kind {
        SpanKind::Server => Sdk::Server,
        SpanKind::Client => Sdk::Client,
        SpanKind::Consumer => Sdk::Consumer,
        SpanKind::Internal => Sdk::Internal,
    }
}

fn span_context(parent: &TraceParent, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from_hex(parent.trace_id()).unwrap_or(TraceId::INVALID),
        SpanId::from_hex(parent.parent_id()).unwrap_or(SpanId::INVALID),
        TraceFlags::new(u8::from(parent.is_sampled())),
        is_remote,
        parent
            .state()
            .and_then(|state| TraceState::from_str(state).ok())
            .unwrap_or_default(),
    )
}

fn trace_parent(context: &SpanContext) -> TraceParent {
    TraceParent::from_ids(
        context.trace_id().to_bytes(),
        context.span_id().to_bytes(),
        context.is_sampled(),
    )
    .with_state(Some(&context.trace_state().header()))
}
