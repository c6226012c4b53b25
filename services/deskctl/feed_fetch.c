/* One transfer, with the limits that a scheduler has (services/sla/fetcher.c). Which addresses may be reached
 * is for the network of whoever sits here. */
#include "deskctl/feed_fetch.h"
#include "deskctl/cli.h"
#include "plan/feed_json.h"
#include <curl/curl.h>

static const long timeout_s = 30;

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct buf *body = ctx;

    buf_add(body, bytes, size * n);
    return body->n <= FEED_BODY_MAX ? size * n : 0;
}

static void set_options(CURL *curl, const char *url, struct buf *body)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)FEED_REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)FEED_BODY_MAX);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "deskctl");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
}

int feed_fetch(const char *url, struct buf *ret_body, struct buf *ret_why)
{
    CURL *curl = curl_easy_init();
    CURLcode result;
    long status = 0;

    if (!curl)
        abort(); /* out of memory */
    set_options(curl, url, ret_body);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (result == CURLE_OK && status == 200)
        return 0;
    if (ret_body->n > FEED_BODY_MAX || result == CURLE_FILESIZE_EXCEEDED)
        buf_printf(ret_why, T("is longer than %d bytes", "超过 %d 字节"), FEED_BODY_MAX);
    else if (result != CURLE_OK)
        buf_add_text(ret_why, curl_easy_strerror(result));
    else
        buf_printf(ret_why, "http %ld", status);
    return -1;
}
