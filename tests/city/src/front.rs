//! The city's front page: links, health, and a guided tour. Served on loopback by `cargo city`.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::browser_wallet::Door;
use crate::operator;
use crate::plan::{CLERK, Plan, loopback};

/// How long a service may take to say how it is.
const HEALTH_LIMIT: Duration = Duration::from_secs(1);
const STYLE: &str = include_str!("front.css");

/// The wallet in a browser: the way in, or why there is none.
pub type Wallet = Result<Door, String>;

#[derive(Clone)]
struct Page {
    plan: Plan,
    wallet: Wallet,
    http: reqwest::Client,
}

/// Serves the front page until the task is dropped.
pub async fn serve(plan: Plan, wallet: Wallet) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", plan.front_port)).await;
    let listener = listener.with_context(|| format!("the front page's port {} is taken", plan.front_port))?;
    let http = reqwest::Client::builder().timeout(HEALTH_LIMIT).build()?;
    let router = Router::new()
        .route("/", get(page))
        .route("/wallet", get(enter))
        .route("/front.css", get(async || ([(header::CONTENT_TYPE, "text/css")], STYLE)))
        .with_state(Page { plan, wallet, http });
    axum::serve(listener, router).await.context("serving the front page")
}

/// Leads the person at this machine into the wallet, by a token that works once. No other page gets one: neither a page of another
/// origin that sends its visitor here, nor one whose name was pointed at this address.
async fn enter(State(page): State<Page>, headers: HeaderMap) -> Response {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let from_here = said("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    if said("host") != Some(format!("127.0.0.1:{}", page.plan.front_port).as_str()) || !from_here {
        return StatusCode::FORBIDDEN.into_response();
    }
    match &page.wallet {
        Ok(door) => ([(header::CACHE_CONTROL, "no-store")], Redirect::to(&door.link())).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
struct Language {
    lang: Option<String>,
}

/// A service as the page shows it.
struct Row {
    zh: String,
    en: String,
    url: String,
    healthy: bool,
}

async fn page(State(page): State<Page>, Query(language): Query<Language>) -> impl IntoResponse {
    let english = language.lang.as_deref() == Some("en");
    let rows = rows(&page).await;
    let policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(render(&page, &rows, english)))
}

async fn rows(page: &Page) -> Vec<Row> {
    let plan = &page.plan;
    let mut services = vec![(
        "示例网站：税务服务".to_owned(),
        "Sample site: tax services".to_owned(),
        plan.site_url(),
        plan.verifier.ports.admin,
    )];
    for issuer in &plan.issuers {
        let names = (format!("{}工作台", issuer.name.zh), format!("{}: clerks' console", issuer.name.en));
        services.push((names.0, names.1, format!("{}/console", plan.issuer_url(issuer)), issuer.ports.admin));
    }
    for validator in &plan.validators {
        let names = (format!("账本节点 {}", validator.name), format!("Ledger node {}", validator.name));
        let status = format!("{}/v1/status", loopback(validator.ports.main));
        services.push((names.0, names.1, plan.console_url(validator).unwrap_or(status), validator.ports.admin));
    }
    let checks = services.into_iter().map(async |(zh, en, url, admin)| {
        let answer = page.http.get(format!("{}/readyz", loopback(admin))).send().await;
        Row { zh, en, url, healthy: answer.is_ok_and(|a| a.status().is_success()) }
    });
    futures::future::join_all(checks).await
}

fn render(page: &Page, rows: &[Row], english: bool) -> String {
    let plan = &page.plan;
    let say = |zh: &str, en: &str| if english { en.to_owned() } else { zh.to_owned() };
    let mut services = String::new();
    for row in rows {
        let (class, health) = if row.healthy { ("up", say("正常", "up")) } else { ("down", say("不可用", "down")) };
        let name = say(&row.zh, &row.en);
        let url = &row.url;
        write!(services, "<li><span class=\"{class}\">{health}</span><a href=\"{url}\">{name}</a><code>{url}</code></li>")
            .expect("writing to a string does not fail");
    }
    let wallet = wallet(page, english);
    let steps = [
        say(
            "打开<b>钱包</b>：设置 PIN，向公安局申请居民身份凭证。",
            "Open the <b>wallet</b>: choose a PIN, and ask public security for a resident identity.",
        ),
        say(
            "在另一个终端运行 <code>cargo city tour</code>：看一位市民完成首次登录，每一步都说明证明了什么。",
            "In another terminal run <code>cargo city tour</code>: a citizen's first login, and what each step proved.",
        ),
        say(
            "打开<b>公安局工作台</b>登录，查看并核验市民提交的申请。",
            "Open the <b>public security console</b>, sign in, look at what citizens ask for and attest it.",
        ),
        say(
            "运行 <code>cargo city offer</code>：得到一张凭证的领取链接和 PIN，可用任何 OpenID4VCI 钱包领取。",
            "Run <code>cargo city offer</code>: a credential offer and its PIN, for any OpenID4VCI wallet.",
        ),
        say(
            "打开<b>示例网站</b>点“登录”，把链接或二维码截图交给钱包；也可用终端里的钱包：<code>cargo run -p yufu-wallet -- --help</code>。",
            "Open the <b>sample site</b>, choose to sign in, and give the wallet its link or a screenshot of its QR code; or use the one in a terminal: <code>cargo run -p yufu-wallet -- --help</code>.",
        ),
    ];
    let steps: String = steps.iter().map(|step| format!("<li>{step}</li>")).collect();
    let consoles = consoles(plan, english);
    let other =
        if english { "<a href=\"/?lang=zh\" lang=\"zh\">中文</a>" } else { "<a href=\"/?lang=en\" lang=\"en\">English</a>" };
    let (language, title) = if english { ("en", "Yufu pilot city") } else { ("zh-CN", "鱼符试点城市") };
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"refresh\" content=\"10\">\
         <link rel=\"stylesheet\" href=\"/front.css\"></head><body><header><h1>{title}</h1>{other}</header><main>\
         <p class=\"lead\">{lead}</p>{wallet}<h2>{health}</h2><ul class=\"services\">{services}</ul>\
         <h2>{accounts}</h2><p>{clerk}: <code>{CLERK}</code> / <code>{password}</code></p>{consoles}\
         <h2>{guide}</h2><ol>{steps}</ol><h2>{roots}</h2><p><code>{genesis}</code><br><code>{root}</code></p></main></body></html>",
        lead = say(
            "两半相合，方证其人。这里的一切都在您自己的电脑上运行。",
            "Two halves that match prove who you are. Everything here runs on your own machine."
        ),
        health = say("服务", "Services"),
        accounts = say("试点账号", "Pilot accounts"),
        clerk = say("工作人员", "Clerk"),
        password = plan.clerk_password,
        guide = say("导览", "Guided tour"),
        roots = say("信任根", "Trust roots"),
        genesis = plan.genesis_path().display(),
        root = plan.trust_root_path().display(),
    )
}

/// The way into the wallet, or why there is none.
fn wallet(page: &Page, english: bool) -> String {
    let say = |zh: &'static str, en: &'static str| if english { en } else { zh };
    match &page.wallet {
        Ok(_) => format!("<p class=\"wallet\"><a href=\"/wallet\">{}</a></p>", say("打开钱包", "Open the wallet")),
        Err(why) => {
            let why = why.replace('&', "&amp;").replace('<', "&lt;");
            format!("<p>{}<br><code>{why}</code></p>", say("浏览器钱包没有启动：", "The wallet in a browser did not start:"))
        }
    }
}

/// How an operator and the supervisor log in at the nodes' consoles; nothing in a city whose consoles have no login.
fn consoles(plan: &Plan, english: bool) -> String {
    let say = |zh: &'static str, en: &'static str| if english { en } else { zh };
    let Some((first, console)) = plan.validators.first().and_then(|first| Some((first, plan.console_url(first)?))) else {
        return String::new();
    };
    let row = |who: &str, authority: &str| {
        let words = operator::login_command(plan, first, authority).unwrap_or_default();
        format!("<li>{who}<br><code>{} …</code></li>", words.join(" "))
    };
    let title = say("账本节点控制台", "Consoles of the ledger's nodes");
    let how = say(
        "没有密码：打开节点的控制台，复制登录页上的挑战，在这台电脑上用机构的账本密钥签名，再把得到的代码粘贴回登录页。每个节点由运行它的机构登录；监督办公室可以登录每一个节点。",
        "There is no password. Open a node's console, copy the challenge from its login page, sign it on this machine with an authority's \
         ledger key, and paste the code that is printed. A node lets in the authority that runs it; the supervisor's office may look at \
         every node.",
    );
    let operator = row(say("运行者", "Its operator"), first.authority.as_str());
    let supervisor = row(say("监督者", "The supervisor"), "supervisor");
    format!(
        "<h2>{title}</h2><p>{how}</p><p><a href=\"{console}\">{}</a> <code>{console}</code></p><ul class=\"commands\">{operator}{supervisor}</ul>",
        first.name
    )
}
