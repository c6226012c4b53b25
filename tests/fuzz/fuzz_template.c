// links: notifier_core
/* Templates and the values they are filled with. The input up to the first NUL byte is a template, the rest
 * is JSON. What parses must render within its bounds; what stands in a line or in HTML must not be able to
 * leave it, whatever the values are; and a mail made of it must have the headers we wrote and no others. */
#include "fuzz.h"
#include "notifier/mail.h"
#include "notifier/template.h"

static size_t count(const struct buf *text, const char *what)
{
    size_t n = 0;

    for (const char *p = buf_text(text); (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void check_escapes(const json_t *values)
{
    const char *value = json_string_value(json_object_get(values, "v"));
    _cleanup_buf_ struct buf line = BUF_INIT, html = BUF_INIT;

    if (!value)
        return;
    template_escape(str_from(value), TEMPLATE_LINE, &line);
    for (size_t i = 0; i < line.n; i++)
        MUST((unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7f);
    MUST(utf8_valid(buf_str(&line)));
    template_escape(str_from(value), TEMPLATE_HTML, &html);
    MUST(!html.n || !strpbrk(html.p, "<>\"'`="));
}

static void check_mail(const struct buf *subject, const struct buf *text)
{
    const struct mail mail = {
        .id = "id",
        .thread = "thread",
        .from_name = buf_text(subject),
        .from_address = "desk@example.org",
        .to_name = buf_text(text),
        .to_address = "joe@example.org",
        .subject = buf_str(subject),
        .text = buf_str(text),
    };
    _cleanup_buf_ struct buf message = BUF_INIT, headers = BUF_INIT;
    const char *end;

    MUST(mail_compose(&mail, &message) == 0);
    MUST(count(&message, "\n") == count(&message, "\r\n"));
    end = strstr(message.p, "\r\n\r\n");
    MUST(end);
    buf_add(&headers, message.p, (size_t)(end - message.p) + 2);
    /* Every line is a header of ours or continues one. */
    MUST(count(&headers, "\r\n") - count(&headers, "\r\n ") == 13);
    for (size_t i = 0; i < message.n; i++)
        MUST((unsigned char)message.p[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    size_t n = end ? (size_t)(end - data) : size, rest = end ? size - n - 1 : 0;
    _cleanup_buf_ struct buf problem = BUF_INIT, line = BUF_INIT, text = BUF_INIT, html = BUF_INIT;
    _cleanup_template_ struct template *template = NULL;
    json_auto_t *values =
        rest ? json_loadb((const char *)end + 1, rest, JSON_DECODE_ANY, NULL) : json_object();

    if (!values || template_parse((struct str){(const char *)data, n}, &template, &problem) < 0)
        return 0;
    check_escapes(values);
    if (template_render(template, values, TEMPLATE_LINE, &line) < 0 ||
        template_render(template, values, TEMPLATE_TEXT, &text) < 0 ||
        template_render(template, values, TEMPLATE_HTML, &html) < 0)
        return 0;
    MUST(text.n <= TEMPLATE_OUTPUT_BYTES + size * 2);
    if (text.n < 4096 && utf8_valid(buf_str(&line)) && utf8_valid(buf_str(&text)))
        check_mail(&line, &text);
    return 0;
}
