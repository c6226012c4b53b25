/* Walks the bytes once. The nesting is kept here and not left to a parser, because it decides what is read at
 * all, and because only here is the line known. */
#include "ics/ics_lines.h"
#include "meridian/errors.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

int ics_fail(long line, struct plan_fault *fault, const char *format, ...)
{
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    buf_reset(&fault->at);
    buf_printf(&fault->at, "line %ld", line);
    buf_reset(&fault->reason);
    buf_add_utf8(&fault->reason, str_from(reason)); /* what is quoted may have been cut within a character */
    return -E_VALIDATION;
}

void ics_lines_init(struct ics_lines *lines, struct str text)
{
    *lines = (struct ics_lines){.rest = text, .next_line = 1};
    if (str_starts(text, STR("\xef\xbb\xbf"))) { /* a mark of UTF-8 */
        lines->rest.p += 3;
        lines->rest.n -= 3;
    }
}

void ics_lines_fini(struct ics_lines *lines)
{
    buf_fini(&lines->unfolded);
}

/* The next line of the file, without its end. */
static struct str take_line(struct ics_lines *lines)
{
    struct str line;

    (void)str_cut(lines->rest, '\n', &line, &lines->rest);
    lines->next_line++;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static bool continues(struct str rest)
{
    return rest.n && (*rest.p == ' ' || *rest.p == '\t');
}

/* A line with what continues it. One that stands alone is not copied. */
static struct str take_unfolded(struct ics_lines *lines)
{
    struct str line = take_line(lines);

    if (!continues(lines->rest))
        return line;
    buf_reset(&lines->unfolded);
    buf_add_str(&lines->unfolded, line);
    while (continues(lines->rest)) {
        line = take_line(lines);
        buf_add(&lines->unfolded, line.p + 1, line.n - 1);
    }
    return buf_str(&lines->unfolded);
}

/* Copies a name in capitals; what is too long is cut. */
static void copy_name(struct str name, char ret_name[24])
{
    size_t n = name.n < 23 ? name.n : 23;

    for (size_t i = 0; i < n; i++)
        ret_name[i] = (char)toupper((unsigned char)name.p[i]);
    ret_name[n] = 0;
}

/* Splits NAME;PARAMETERS:VALUE. */
static int split(struct ics_lines *lines, struct plan_fault *fault)
{
    size_t i = 0, end;
    bool quoted = false;

    while (i < lines->text.n && (isalnum((unsigned char)lines->text.p[i]) || lines->text.p[i] == '-'))
        i++;
    end = i;
    for (; i < lines->text.n && (quoted || lines->text.p[i] != ':'); i++)
        quoted ^= lines->text.p[i] == '"';
    if (!end || i == lines->text.n || (lines->text.p[end] != ':' && lines->text.p[end] != ';'))
        return ics_fail(lines->line, fault, "is no line of iCalendar, as NAME:value");
    copy_name((struct str){lines->text.p, end}, lines->name);
    lines->value = (struct str){lines->text.p + i + 1, lines->text.n - i - 1};
    return 0;
}

static int enter(struct ics_lines *lines, struct plan_fault *fault)
{
    if (!lines->depth && !str_eq_nocase(lines->value, STR("VCALENDAR")))
        return ics_fail(lines->line, fault, "must be BEGIN:VCALENDAR");
    if (lines->depth == ICS_DEPTH_MAX)
        return ics_fail(lines->line, fault, "is nested more than %d deep", ICS_DEPTH_MAX);
    lines->open[lines->depth].line = lines->line;
    copy_name(lines->value, lines->open[lines->depth++].name);
    return 0;
}

/* The component is closed by the next call: whoever reads END still sees it. */
static int check_end(const struct ics_lines *lines, struct plan_fault *fault)
{
    char name[24];

    copy_name(lines->value, name);
    if (!lines->depth || strcmp(lines->open[lines->depth - 1].name, name) != 0)
        return ics_fail(lines->line, fault, "ends %s, which is not open here", name);
    return 0;
}

static int end_of_text(const struct ics_lines *lines, struct plan_fault *fault)
{
    if (lines->depth)
        return ics_fail(lines->next_line, fault, "the text ends within the %s of line %ld",
                        lines->open[lines->depth - 1].name, lines->open[lines->depth - 1].line);
    return 0;
}

int ics_lines_next(struct ics_lines *lines, struct plan_fault *fault)
{
    int rc;

    if (strcmp(lines->name, "END") == 0)
        lines->depth--;
    lines->name[0] = 0;
    do {
        if (!lines->rest.n)
            return end_of_text(lines, fault);
        lines->line = lines->next_line;
        lines->text = take_unfolded(lines);
    } while (!lines->text.n); /* an empty line is none, but feeds have them */
    if (!utf8_valid(lines->text))
        return ics_fail(lines->line, fault, "is not UTF-8; save the file as UTF-8");
    rc = split(lines, fault);
    if (rc < 0)
        return rc;
    if (strcmp(lines->name, "BEGIN") == 0)
        rc = enter(lines, fault);
    else if (strcmp(lines->name, "END") == 0)
        rc = check_end(lines, fault);
    else if (!lines->depth)
        rc = ics_fail(lines->line, fault, "must be BEGIN:VCALENDAR");
    return rc < 0 ? rc : 1;
}

bool ics_lines_within(const struct ics_lines *lines, int depth, const char *component)
{
    return lines->depth == depth && strcmp(lines->open[depth - 1].name, component) == 0;
}
