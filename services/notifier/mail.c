/* Writes mails. Everything that comes from a stranger (subject, names, text) goes through an encoder that
 * cannot emit a line end of its own, so a header can never be injected; addresses are checked against a
 * narrow grammar instead, since they cannot be encoded.
 *
 * Auto-Submitted and X-Auto-Response-Suppress keep other robots from answering (RFC 3834). The Message-ID is
 * the delivery's id, the same at every attempt, so that a relay or mailbox can drop duplicates. There is no
 * mail with the thread's own id: it only ties together.
 */
#include "notifier/mail.h"
#include "base/encode.h"
#include "meridian/errors.h"
#include "notifier/moment.h"
#include "notifier/template.h"
#include <ctype.h>

enum {
    LINE_MOST = 76,
    WORD_BYTES = 45,       /* of text in one encoded word: 60 characters of base64 and 12 around them */
    FIRST_WORD_BYTES = 33, /* leaves room for the header's name */
};

/* ---- addresses ---- */

static bool local_part_valid(struct str local)
{
    if (!local.n || local.n > 64 || local.p[0] == '.' || local.p[local.n - 1] == '.')
        return false;
    for (size_t i = 0; i < local.n; i++) {
        unsigned char c = (unsigned char)local.p[i];

        if (!(isascii(c) && (isalnum(c) || strchr("!#$%&'*+-/=?^_`{|}~.", c))) || !c)
            return false;
        if (c == '.' && local.p[i - 1] == '.')
            return false;
    }
    return true;
}

static bool domain_valid(struct str domain)
{
    struct str label, rest = domain;

    if (!domain.n || domain.n > 253 || domain.p[domain.n - 1] == '.')
        return false;
    while (rest.n) {
        str_cut(rest, '.', &label, &rest);
        if (!label.n || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++) {
            unsigned char c = (unsigned char)label.p[i];

            if (!isascii(c) || !(isalnum(c) || c == '-'))
                return false;
        }
    }
    return true;
}

bool mail_address_valid(struct str address)
{
    struct str local, domain;

    return str_cut(address, '@', &local, &domain) && local_part_valid(local) && domain_valid(domain);
}

struct str mail_domain(struct str address)
{
    struct str local, domain;

    return str_cut(address, '@', &local, &domain) ? domain : (struct str){"", 0};
}

/* ---- header values ---- */

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < ' ' || c > '~' || (c == '=' && i + 1 < text.n && text.p[i + 1] == '?'))
            return false;
    }
    return true;
}

/* Plain words, folded before the blank that would pass the limit. False when a word is longer than a line can
 * be. */
static bool add_folded(struct str text, size_t column, struct buf *out)
{
    size_t before = out->n;

    while (text.n) {
        size_t word = 1; /* with the blank before it, if any */

        while (word < text.n && text.p[word] != ' ')
            word++;
        if (word > 900) {
            out->n = before;
            return false;
        }
        if (column + word > LINE_MOST && text.p[0] == ' ' && word > 1) {
            buf_add_text(out, "\r\n");
            column = 0;
        }
        buf_add(out, text.p, word);
        column += word;
        text.p += word;
        text.n -= word;
    }
    return true;
}

/* The most bytes, at most `most`, that end on a code point's edge. */
static size_t whole_points(struct str text, size_t most)
{
    size_t n = text.n < most ? text.n : most;

    while (n < text.n && n > 1 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void add_encoded_words(struct str text, struct buf *out)
{
    for (size_t most = FIRST_WORD_BYTES; text.n; most = WORD_BYTES) {
        size_t n = whole_points(text, most);

        if (most == WORD_BYTES)
            buf_add_text(out, "\r\n ");
        buf_add_text(out, "=?UTF-8?B?");
        buf_add_base64(out, text.p, n);
        buf_add_text(out, "?=");
        text.p += n;
        text.n -= n;
    }
}

void mail_add_text_value(struct str text, size_t column, struct buf *out)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    struct str clean;

    template_escape(text, TEMPLATE_LINE, &line);
    clean = str_trim(buf_str(&line));
    if (!is_plain(clean) || !add_folded(clean, column, out))
        add_encoded_words(clean, out);
}

static void add_header(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s: ", name);
    mail_add_text_value(value, strlen(name) + 2, out);
    buf_add_text(out, "\r\n");
}

static void add_mailbox(struct buf *out, const char *header, const char *name, const char *address)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    struct str clean;

    template_escape(str_from(name ? name : ""), TEMPLATE_LINE, &line);
    clean = str_trim(buf_str(&line));
    buf_printf(out, "%s: ", header);
    if (clean.n && is_plain(clean) && clean.n < 200) {
        buf_add_char(out, '"');
        for (size_t i = 0; i < clean.n; i++) {
            if (clean.p[i] == '"' || clean.p[i] == '\\')
                buf_add_char(out, '\\');
            buf_add_char(out, clean.p[i]);
        }
        buf_add_text(out, "\"\r\n ");
    } else if (clean.n) {
        add_encoded_words(clean, out);
        buf_add_text(out, "\r\n ");
    }
    buf_printf(out, "<%s>\r\n", address);
}

/* ---- body ---- */

static bool must_escape(const struct str line, size_t i)
{
    unsigned char c = (unsigned char)line.p[i];

    if (c == '=' || c > '~' || (c < ' ' && c != '\t'))
        return true;
    if ((c == ' ' || c == '\t') && i + 1 == line.n)
        return true;
    /* A lone dot ends a mail for SMTP, "From " begins one for a mailbox file: no relay need care. */
    return i == 0 && (c == '.' || (c == 'F' && str_starts(line, STR("From "))));
}

static void add_quoted_line(struct str line, struct buf *out)
{
    size_t column = 0;

    for (size_t i = 0; i < line.n; i++) {
        size_t width = must_escape(line, i) ? 3 : 1;
        size_t room = i + 1 == line.n ? LINE_MOST : LINE_MOST - 1; /* the soft break takes a column */

        if (column + width > room) {
            buf_add_text(out, "=\r\n");
            column = 0;
        }
        if (width == 3)
            buf_printf(out, "=%02X", (unsigned char)line.p[i]);
        else
            buf_add_char(out, line.p[i]);
        column += width;
    }
    buf_add_text(out, "\r\n");
}

void mail_add_quoted_printable(struct str text, struct buf *out)
{
    struct str line;

    while (text.n) {
        str_cut(text, '\n', &line, &text);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        add_quoted_line(line, out);
    }
}

static void add_base64_body(struct str text, struct buf *out)
{
    _cleanup_buf_ struct buf crlf = BUF_INIT;
    struct str line, rest = text;

    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        buf_add_str(&crlf, line);
        buf_add_text(&crlf, "\r\n");
    }
    for (size_t i = 0; i < crlf.n; i += 57) {
        buf_add_base64(out, crlf.p + i, crlf.n - i < 57 ? crlf.n - i : 57);
        buf_add_text(out, "\r\n");
    }
}

static bool mostly_ascii(struct str text)
{
    size_t high = 0;

    for (size_t i = 0; i < text.n; i++)
        high += (unsigned char)text.p[i] > '~';
    return high * 6 < text.n;
}

static void add_body(struct str text, struct buf *out)
{
    bool quoted = mostly_ascii(text);

    buf_add_text(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ");
    buf_add_text(out, quoted ? "quoted-printable\r\n\r\n" : "base64\r\n\r\n");
    if (quoted)
        mail_add_quoted_printable(text, out);
    else
        add_base64_body(text, out);
}

int mail_compose(const struct mail *mail, struct buf *out)
{
    struct str domain = mail_domain(str_from(mail->from_address));

    if (!mail_address_valid(str_from(mail->from_address)) || !mail_address_valid(str_from(mail->to_address)))
        return -E_VALIDATION;
    buf_add_text(out, "Date: ");
    moment_add_mail_date(out, mail->at_us, mail->zone);
    buf_add_text(out, "\r\n");
    add_mailbox(out, "From", mail->from_name, mail->from_address);
    add_mailbox(out, "To", mail->to_name, mail->to_address);
    add_header(out, "Subject", mail->subject);
    buf_printf(out, "Message-ID: <%s@%.*s>\r\n", mail->id, (int)domain.n, domain.p);
    if (mail->thread) {
        buf_printf(out, "In-Reply-To: <ticket.%s@%.*s>\r\n", mail->thread, (int)domain.n, domain.p);
        buf_printf(out, "References: <ticket.%s@%.*s>\r\n", mail->thread, (int)domain.n, domain.p);
    }
    buf_printf(out, "List-Id: <desk.%.*s>\r\n", (int)domain.n, domain.p);
    buf_add_text(out, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n");
    if (mail->language)
        add_header(out, "Content-Language", str_from(mail->language));
    buf_add_text(out, "MIME-Version: 1.0\r\n");
    add_body(mail->text, out);
    return 0;
}
