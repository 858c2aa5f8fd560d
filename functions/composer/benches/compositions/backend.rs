//! The services behind the compared programs: a user, five orders and ten products.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use crate::http_server;

/// The field of each response with the time between request and response, in microseconds.
pub(crate) const SERVED_US: &str = "served_us";

/// The responses up to the value of [`SERVED_US`], which is the last field.
struct Documents {
    user: String,
    orders: String,
    products: String,
}

/// Serves until the process ends. Each response waits for `delay`.
pub(crate) async fn serve(port: u16, delay: Duration) {
    let documents = Rc::new(Documents::new());
    http_server::serve(port, move |request| {
        respond(Rc::clone(&documents), request, delay)
    })
    .await;
}

async fn respond(
    documents: Rc<Documents>,
    request: Request<Incoming>,
    delay: Duration,
) -> Response<Full<Bytes>> {
    let began = Instant::now();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }

    let Some(document) = documents.of(request.uri().path()) else {
        let not_found = Response::builder().status(StatusCode::NOT_FOUND);
        return not_found.body(Full::default()).unwrap();
    };
    let body = format!("{document}{}}}", began.elapsed().as_micros());
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    response.body(Full::from(body)).unwrap()
}

impl Documents {
    fn new() -> Self {
        let orders: Vec<Value> = (1..=5).map(order).collect();
        let products: Vec<Value> = (1..=10).map(product).collect();
        Self {
            user: open(json!({
                "id": "user-1", "name": "Alice Example", "email": "alice@example.com", "locale": "en-GB",
                "address": {"street": "1 Main Street", "city": "London", "postcode": "N1 1AA"},
            })),
            orders: open(json!({"items": orders, "total": 42})),
            products: open(json!({"items": products})),
        }
    }

    fn of(&self, path: &str) -> Option<&str> {
        match path.split('/').nth(1)? {
            "users" => Some(&self.user),
            "orders" => Some(&self.orders),
            "products" => Some(&self.products),
            _ => None,
        }
    }
}

fn order(number: u32) -> Value {
    json!({
        "id": format!("order-{number}"), "status": "shipped", "created_at": "2026-01-15T09:30:00Z",
        "total": 129.95, "currency": "EUR",
        "lines": [{"sku": "A-1001", "quantity": 2, "price": 49.95}, {"sku": "B-2002", "quantity": 1, "price": 30.05}],
    })
}

fn product(number: u32) -> Value {
    json!({
        "id": format!("product-{number}"), "name": "Stainless steel water bottle", "price": 24.5, "currency": "EUR",
        "image": format!("https://images.example/products/{number}.jpg"), "in_stock": true, "rating": 4.7,
    })
}

/// Returns an object as JSON up to the value of [`SERVED_US`].
fn open(value: Value) -> String {
    let fields: Map<String, Value> = serde_json::from_value(value).unwrap();
    let text = serde_json::to_string(&fields).unwrap();
    format!("{},\"{SERVED_US}\":", text.strip_suffix('}').unwrap())
}
