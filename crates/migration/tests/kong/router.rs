//! Random routes, compared with a model of Kong's router: no request gets in with less.

use migration::Outcome;
use policy::{Auth, KeyHeader, Policy, UNREAD_SECRET};
use proptest::prelude::*;
use regex_lite::Regex;

use crate::Converted;

const PATHS: [&str; 12] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/ab",
    "/a/7",
    r"~/a/\d+$",
    "~/a/[^/]+$",
    "~/a/(b|c)",
    r"~/(?i)a/.*",
    "~/a(/.*)?$",
    "~/a/b",
];
const REQUESTS: [&str; 13] = [
    "/", "/a", "/a/", "/ab", "/a/b", "/a/7", "/a/77/x", "/a/x", "/a/b/c", "/a/bc", "/c", "/A/b",
    "/a/c",
];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const HOSTS: [&str; 2] = ["one.example", "two.example"];
const GUARDS: [&str; 4] = ["", "key-auth", "jwt", "basic-auth"];

#[derive(Clone, Debug)]
struct ModelRoute {
    paths: Vec<&'static str>,
    methods: Vec<&'static str>,
    hosts: Vec<&'static str>,
    regex_priority: u8,
    guard: &'static str,
}

impl ModelRoute {
    fn yaml(&self, index: usize) -> String {
        let plugins = if self.guard.is_empty() {
            String::new()
        } else {
            format!(", plugins: [{{name: {}}}]", self.guard)
        };
        format!(
            "- {{name: r{index}, paths: {:?}, methods: {:?}, hosts: {:?}, regex_priority: {}{plugins}}}\n",
            self.paths, self.methods, self.hosts, self.regex_priority
        )
    }

    /// Returns the precedence of the route for a request, if it matches.
    fn rank(&self, method: &str, host: &str, path: &str) -> Option<(usize, bool, u8, usize)> {
        if !self.methods.is_empty() && !self.methods.contains(&method) {
            return None;
        }
        if !self.hosts.is_empty() && !self.hosts.contains(&host) {
            return None;
        }

        let lists = [&self.paths, &self.methods, &self.hosts];
        let conditions = lists.iter().filter(|list| !list.is_empty()).count();
        let paths = self
            .paths
            .iter()
            .filter_map(|pattern| match pattern.strip_prefix('~') {
                Some(regex) => {
                    let regex = Regex::new(&format!("^(?:{regex})")).unwrap();
                    regex
                        .is_match(path)
                        .then_some((conditions, true, self.regex_priority, 0))
                }
                None => path
                    .starts_with(pattern)
                    .then_some((conditions, false, 0, pattern.len())),
            });
        paths.max()
    }

    /// True if the route refuses a request that a rule with this `auth` and these scopes admits.
    fn refuses(&self, auth: Auth, is_closed: bool) -> bool {
        let admitted = match self.guard {
            "" => return false,
            "key-auth" => auth == Auth::ApiKey,
            "jwt" => auth == Auth::Jwt,
            _ => false,
        };
        !admitted && !is_closed
    }
}

fn route() -> impl Strategy<Value = ModelRoute> {
    let some = |list: &'static [&'static str], most| proptest::sample::subsequence(list, 0..=most);
    (
        proptest::sample::subsequence(&PATHS[..], 1..=2),
        some(&METHODS, 2),
        some(&HOSTS, 1),
        0..2_u8,
        proptest::sample::select(&GUARDS[..]),
    )
        .prop_map(
            |(paths, methods, hosts, regex_priority, guard)| ModelRoute {
                paths,
                methods,
                hosts,
                regex_priority,
                guard,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_request_gets_in_with_less_than_kong_requires(routes in proptest::collection::vec(route(), 1..5)) {
        let mut kong = "_format_version: '3.0'\nconsumers: [{username: c, jwt_secrets: \
                        [{key: i, secret: 0123456789abcdef0123456789abcdef}]}]\nroutes:\n".to_owned();
        for (index, route) in routes.iter().enumerate() {
            kong.push_str(&route.yaml(index));
        }
        let converted = Converted::of("kong.yaml", &kong);
        let Some(document) = converted.declaration.policies.get(migration::kong::POLICY) else {
            return Ok(());
        };
        let header: KeyHeader = document["api_keys"]["header"].as_str().map_or_else(KeyHeader::default, |name| name.parse().unwrap());
        let policy = Policy::parse(&document.to_string(), &header, &|_| Some(UNREAD_SECRET.to_owned())).unwrap();
        let is_laxer = converted.count(Outcome::Laxer) > 0;

        for (method, host, path) in requests() {
            // The rule for everything below `/a/` also applies to `/a`, which Kong assigns to another
            // route. The stricter of both rules applies there.
            if path == "/a" && routes.iter().any(|route| route.paths.contains(&"/a/")) {
                continue;
            }
            let Some(rule) = policy.rule(method, path) else {
                continue;
            };
            let best = routes.iter().filter_map(|route| route.rank(method, host, path)).max();
            let is_closed = rule.scopes.iter().any(|scope| scope == "closed-by-import");
            // Of several routes with the same precedence, Kong selects the oldest, which is not known.
            let winners = routes.iter().filter(|route| best.is_some() && route.rank(method, host, path) == best);
            for winner in winners {
                prop_assert!(
                    is_laxer || !winner.refuses(rule.auth, is_closed),
                    "{method} {host} {path}: {rule:?} of\n{kong}"
                );
            }
            // A client chooses the host, so that a public route is public for every host.
            let is_routed = routes.iter().any(|route| HOSTS.iter().any(|host| route.rank(method, host, path).is_some()));
            prop_assert!(
                is_laxer || is_routed || rule.auth != Auth::None || path == "/a",
                "Kong has no route for {method} {path}, and the rule is public: {rule:?} of\n{kong}"
            );
        }
    }
}

fn requests() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    METHODS.into_iter().flat_map(|method| {
        HOSTS
            .into_iter()
            .flat_map(move |host| REQUESTS.into_iter().map(move |path| (method, host, path)))
    })
}
