/* Static files: variants, validators, and paths that must lead nowhere. */
#include "base/memory.h"
#include "harness.h"
#include "meridian/errors.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST "Host: desk\r\n"
static struct harness h;
static char *folder;

static void set_up(void)
{
    _cleanup_(freep) char *outside = NULL, *link = NULL;

    folder = make_folder();
    outside = mem_printf("%s/site", folder);
    mkdir(outside, 0700);
    write_file(folder, "secret.txt", "secret");
    write_file(outside, "index.html", "<p>home");
    write_file(outside, "app.js", "plain js");
    write_file(outside, "app.js.br", "brotli js");
    write_file(outside, "app.js.gz", "gzip js");
    write_file(outside, "only.css", "css");
    write_file(outside, "only.css.gz", "gzip css");
    write_file(outside, "index-DiwrgTda.js", "hashed");
    write_file(outside, "about-contacts.js", "not hashed");
    write_file(outside, ".env", "secret");
    write_file(outside, "two words.txt", "two");
    write_file(outside, "empty.txt", "");
    link = mem_printf("%s/site/docs", folder);
    mkdir(link, 0700);
    write_file(link, "index.html", "<p>docs");
    free(link);
    link = mem_printf("%s/site/link.txt", folder);
    cr_assert_eq(symlink("../secret.txt", link), 0);
    free(link);
    link = mem_printf("%s/site/up", folder);
    cr_assert_eq(symlink("..", link), 0);
    free(link);
    link = mem_printf("%s/site/pipe", folder);
    cr_assert_eq(mkfifo(link, 0600), 0);
    cr_assert_eq(http_files_open(outside, &h.files), 0);
    harness_start(&h, NULL);
}
static void tear_down(void)
{
    harness_stop(&h);
    remove_folder(folder);
    free(folder);
}
TestSuite(http_files, .init = set_up, .fini = tear_down);

static void get(const char *path, const char *headers, struct reply *ret_reply)
{
    _cleanup_(freep) char *request = mem_printf("GET /files%s HTTP/1.1\r\n" HOST "%s\r\n", path, headers);

    fetch(&h, request, ret_reply);
}

Test(http_files, served_with_type_and_policy)
{
    _cleanup_reply_ struct reply reply = {0};

    get("/", "", &reply);
    cr_assert_str_eq(buf_text(&reply.body), "<p>home");
    cr_assert_str_eq(reply_header(&reply, "Content-Type"), "text/html; charset=utf-8");
    cr_assert_str_eq(reply_header(&reply, "Content-Security-Policy"),
                     "default-src 'self'; frame-ancestors 'none'");
    cr_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-cache");
    cr_assert_str_eq(reply_header(&reply, "Vary"), "Accept-Encoding");
    for (const char *const *path = (const char *const[]){"/docs", "/docs/", "/docs/index.html", NULL}; *path;
         path++) {
        get(*path, "", &reply);
        cr_assert_str_eq(buf_text(&reply.body), "<p>docs", "%s", *path);
    }
    get("/two%20words.txt", "", &reply);
    cr_assert_str_eq(buf_text(&reply.body), "two");
    get("/empty.txt", "", &reply);
    cr_assert_eq(reply.status, 200);
    cr_assert_eq(reply.body.n, 0);
    get("/index-DiwrgTda.js", "", &reply);
    cr_assert_str_eq(reply_header(&reply, "Cache-Control"), "public, max-age=31536000, immutable");
    get("/about-contacts.js", "", &reply);
    cr_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-cache");
    fetch(&h, "HEAD /files/app.js HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(reply_header(&reply, "Content-Length"), "8");
    fetch(&h, "POST /files/app.js HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_eq(reply.status, 404);
}

Test(http_files, variants_by_accept_encoding)
{
    static const struct {
        const char *path, *accept, *body, *encoding;
    } cases[] = {
        {"/app.js", "", "plain js", NULL},
        {"/app.js", "Accept-Encoding: gzip, deflate, br\r\n", "brotli js", "br"},
        {"/app.js", "Accept-Encoding: gzip\r\n", "gzip js", "gzip"},
        {"/app.js", "Accept-Encoding: br;q=0, GZIP;q=0.5\r\n", "gzip js", "gzip"},
        {"/app.js", "Accept-Encoding: br; q=0.0, gzip;q=0\r\n", "plain js", NULL},
        {"/app.js", "Accept-Encoding: *\r\n", "brotli js", "br"},
        {"/app.js", "Accept-Encoding: *;q=0\r\n", "plain js", NULL},
        {"/app.js", "Accept-Encoding: br;q=0.001\r\n", "brotli js", "br"},
        {"/app.js", "Accept-Encoding: broken\r\n", "plain js", NULL},
        {"/only.css", "Accept-Encoding: br, gzip\r\n", "gzip css", "gzip"},
        {"/only.css", "Accept-Encoding: br\r\n", "css", NULL},
        {"/two%20words.txt", "Accept-Encoding: br, gzip\r\n", "two", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_reply_ struct reply reply = {0};
        const char *encoding;

        get(cases[i].path, cases[i].accept, &reply);
        encoding = reply_header(&reply, "Content-Encoding");
        cr_expect_str_eq(buf_text(&reply.body), cases[i].body, "case %zu", i);
        cr_expect((!encoding && !cases[i].encoding) || strcmp(encoding, cases[i].encoding) == 0, "case %zu",
                  i);
        cr_expect(strcmp(reply_header(&reply, "Content-Type"), "application/octet-stream") != 0);
    }
}

Test(http_files, validators)
{
    _cleanup_reply_ struct reply reply = {0};
    _cleanup_(freep) char *tag = NULL, *header = NULL, *site = mem_printf("%s/site", folder);
    static const char *const spellings[] = {"%s", "W/%s", "\"x\", %s", "*", " %s ,"};

    get("/only.css", "", &reply);
    tag = mem_str(reply_header(&reply, "ETag"));
    cr_assert(tag[0] == '"' && strlen(tag) == 18);
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        _cleanup_(freep) char *value = NULL, *line = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        value = mem_printf(spellings[i], tag);
#pragma GCC diagnostic pop
        line = mem_printf("If-None-Match: %s\r\n", value);
        get("/only.css", line, &reply);
        cr_expect_eq(reply.status, 304, "%s", value);
        cr_expect_str_eq(reply_header(&reply, "ETag"), tag);
        cr_expect_null(reply_header(&reply, "Content-Length"));
    }
    get("/only.css", "If-None-Match: \"other\"\r\n", &reply);
    cr_assert_eq(reply.status, 200);
    /* Another representation, another tag; other bytes, another tag. */
    get("/only.css", "Accept-Encoding: gzip\r\n", &reply);
    cr_assert_str_neq(reply_header(&reply, "ETag"), tag);
    write_file(site, "only.css", "new");
    header = mem_printf("If-None-Match: %s\r\n", tag);
    get("/only.css", header, &reply);
    cr_assert_eq(reply.status, 200);
    cr_assert_str_eq(buf_text(&reply.body), "new");
}

Test(http_files, paths_that_lead_nowhere)
{
    static const char *const paths[] = {
        "/../secret.txt",
        "/docs/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/docs%2findex.html",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "//index.html",
        "/./index.html",
        "/docs//index.html",
        "/.env",
        "/%2eenv",
        "/docs/.",
        "/link.txt",
        "/up/secret.txt",
        "/up",
        "/pipe",
        "/app.js/",
        "/app.js/x",
        "/none",
        "/app.js%00.txt",
        "/%zz",
        "/%c0%ae%c0%ae/secret.txt",
        "/%0a",
        "/%ff",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_reply_ struct reply reply = {0};

        get(paths[i], "", &reply);
        cr_expect_eq(reply.status, 404, "%s: %d", paths[i], reply.status);
    }
}

Test(http_files, a_name_longer_than_the_kernel_takes)
{
    /* 255 bytes are a name, with .gz they are not: the plain file is served. */
    _cleanup_(freep) char *site = mem_printf("%s/site", folder), *path = NULL;
    _cleanup_reply_ struct reply reply = {0};
    char name[256];

    memset(name, 'n', 255);
    name[255] = 0;
    write_file(site, name, "long");
    path = mem_printf("/%s", name);
    get(path, "Accept-Encoding: gzip\r\n", &reply);
    cr_assert_str_eq(buf_text(&reply.body), "long");
}

Test(http_files, a_folder_that_is_not_there)
{
    struct http_files *files;

    cr_assert_eq(http_files_open("/nonexistent", &files), -E_IO);
    cr_assert_null(http_files_close(NULL));
}
