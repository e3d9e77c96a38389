//! `why`: who needs a package, and why one cannot be installed.

use serde_json::Value;

use crate::{configure, store};

#[test]
fn why_shows_who_needs_a_package_and_what_breaks_without_it() {
    let environment = store();
    environment.write(
        "store/base.Packages",
        "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n\n\
         Package: lighttpd\nVersion: 1.4\nArchitecture: amd64\nProvides: httpd\nDepends: libc6\n\n\
         Package: base-files\nVersion: 12\nArchitecture: amd64\nEssential: yes\nPre-Depends: libc6\n",
    );
    configure(&environment, "[[base]]\nsuite = \"bookworm\"\nsource = \"base.Packages\"\n");
    let _ = environment.run(&["base", "update"]).succeeds();
    for (name, fields) in [
        ("nginx", "Provides: httpd"),
        ("web", "Depends: httpd"),
        ("shop", "Depends: web, nginx (>= 0.5)"),
        ("office", "Depends: shop, nowhere"),
        ("old", "Depends: nginx (<< 1)"),
    ] {
        let (field, value) = fields.split_once(": ").unwrap();
        let file = environment.build(name, "1.0", "amd64", |builder| builder.field(field, value));
        let _ = environment.run(&["add", "prod", file.as_str()]).succeeds();
    }
    insta::assert_snapshot!(environment.run(&["why", "prod", "nginx"]), @"
    status: 0
    ---- stdout
    nginx 1.0 of prod can be installed
    NEEDED BY  VERSION  FROM  ARCHITECTURE  SUITES    FIELD    RELATION        MET
    old        1.0      prod  amd64         bookworm  Depends  nginx (<< 1)    no
    shop       1.0      prod  amd64         bookworm  Depends  nginx (>= 0.5)  yes
    web        1.0      prod  amd64         bookworm  Depends  httpd           as httpd, or by lighttpd 1.4
    office 1.0 -> shop 1.0 -> nginx 1.0
    removing it from prod would break 1 package: shop 1.0
    ");
    insta::assert_snapshot!(environment.run(&["rdepends", "prod/bookworm", "office"]), @"
    status: 0
    ---- stdout
    office 1.0 of prod cannot be installed: office 1.0 needs nowhere, which nothing provides
    no package needs office
    removing it from prod would break nothing
    ");
    insta::assert_snapshot!(environment.run(&["why", "prod", "httpd"]), @"
    status: 0
    ---- stdout
    httpd is a virtual package, provided by lighttpd 1.4, nginx 1.0
    NEEDED BY  VERSION  FROM  ARCHITECTURE  SUITES    FIELD    RELATION  MET
    web        1.0      prod  amd64         bookworm  Depends  httpd     by nginx 1.0, lighttpd 1.4
    ");
    insta::assert_snapshot!(environment.run(&["why", "prod", "libc6", "--limit", "1"]), @"
    status: 0
    ---- stdout
    libc6 2.36 of base.Packages can be installed
    NEEDED BY   VERSION  FROM           ARCHITECTURE  SUITES    FIELD        RELATION  MET
    base-files  12       base.Packages  amd64         bookworm  Pre-Depends  libc6     yes
    ... and 1 more row (print all with --limit 0)
    every machine: base-files 12 -> libc6 2.36
    ... and 1 more chain (print all with --limit 0)
    ");
    let json: Value = serde_json::from_str(&environment.json(&["why", "prod", "nginx"])).unwrap();
    let answer = &json["answers"][0];
    assert_eq!(answer["breaks_without"][0]["package"]["package"], "shop");
    assert_eq!(answer["needed_by"][2]["provides"], "httpd");
    insta::assert_snapshot!(environment.run(&["why", "prod", "nginks"]), @"
    status: 1
    ---- stderr
    error: no package matches nginks in prod
    hint: did you mean `nginx`? (run repo-cli list prod)
    ");
}
