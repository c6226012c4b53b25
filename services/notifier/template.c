/* The template engine: a parser from text to a flat array of nodes, and a renderer that walks it with a stack
 * of contexts.
 *
 * A section node knows the index of its end, so rendering is recursion over ranges, bounded by TEMPLATE_DEPTH
 * at parse time. Templates come from our own tree, values from strangers: what a value may do in its place is
 * decided here and nowhere else. Output is bounded, because nested sections over lists multiply. Tested
 * against the mustache specification and mustache.js; we take the specification's side where the two differ
 * (dotted names), and JavaScript's idea of false ("" and 0 are).
 */
#include "notifier/template.h"
#include "base/memory.h"
#include "base/str.h"
#include "meridian/errors.h"
#include <math.h>
#include <stdio.h>

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_END };

struct node {
    enum node_kind kind;
    struct str text; /* NODE_TEXT: the text; else the name */
    size_t end;      /* sections: index of their NODE_END */
};

struct template
{
    char *source; /* nodes point into it */
    struct node *nodes;
    size_t n, capacity;
};

/* ---- parsing ---- */

struct parser {
    struct template *template;
    struct str source;
    size_t at;
    size_t open[TEMPLATE_DEPTH]; /* indexes of open sections */
    size_t depth;
    struct buf *problem;
};

static int refuse(struct parser *parser, size_t at, const char *what)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += parser->source.p[i] == '\n';
    buf_printf(parser->problem, "line %zu: %s", line, what);
    return -E_BAD_REQUEST;
}

static void add_node(struct parser *parser, enum node_kind kind, struct str text)
{
    struct template *template = parser->template;

    if (kind == NODE_TEXT && !text.n)
        return;
    if (template->n == template->capacity) {
        template->capacity = template->capacity ? template->capacity * 2 : 16;
        template->nodes = mem_grow(template->nodes, template->capacity * sizeof *template->nodes);
    }
    template->nodes[template->n++] = (struct node){.kind = kind, .text = text};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim_name(struct str name)
{
    while (name.n && (is_blank(name.p[0]) || name.p[0] == '\n' || name.p[0] == '\r')) {
        name.p++;
        name.n--;
    }
    while (name.n &&
           (is_blank(name.p[name.n - 1]) || name.p[name.n - 1] == '\n' || name.p[name.n - 1] == '\r'))
        name.n--;
    return name;
}

static bool good_name(struct str name)
{
    if (str_eq(name, STR(".")))
        return true;
    if (!name.n || name.p[0] == '.' || name.p[name.n - 1] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c <= ' ' || strchr("{}#^/!&>=\"<", c) || (c == '.' && name.p[i - 1] == '.'))
            return false;
    }
    return true;
}

/* When the tag at [from, to) is alone on its line: where the line begins, and where the next one does. */
static bool stands_alone(const struct str source, size_t from, size_t to, size_t *ret_begin, size_t *ret_next)
{
    size_t begin = from, next = to;

    while (begin && is_blank(source.p[begin - 1]))
        begin--;
    if (begin && source.p[begin - 1] != '\n')
        return false;
    while (next < source.n && is_blank(source.p[next]))
        next++;
    if (next + 1 < source.n && source.p[next] == '\r' && source.p[next + 1] == '\n')
        next++;
    if (next < source.n && source.p[next] != '\n')
        return false;
    *ret_begin = begin;
    *ret_next = next < source.n ? next + 1 : next;
    return true;
}

static int open_section(struct parser *parser, size_t at, enum node_kind kind, struct str name)
{
    if (parser->depth == TEMPLATE_DEPTH)
        return refuse(parser, at, "sections are nested too deeply");
    parser->open[parser->depth++] = parser->template->n;
    add_node(parser, kind, name);
    return 0;
}

static int close_section(struct parser *parser, size_t at, struct str name)
{
    struct template *template = parser->template;
    size_t opened;

    if (!parser->depth)
        return refuse(parser, at, "a section is closed that is not open");
    opened = parser->open[--parser->depth];
    if (!str_eq(template->nodes[opened].text, name))
        return refuse(parser, at, "a section is closed by another name");
    template->nodes[opened].end = template->n;
    add_node(parser, NODE_END, name);
    return 0;
}

/* Finds the end of the tag whose content begins at `from`; SIZE_MAX without one. */
static size_t find_close(struct str source, size_t from, const char *close)
{
    const char *p = memmem(source.p + from, source.n - from, close, strlen(close));

    return p ? (size_t)(p - source.p) : SIZE_MAX;
}

/* Reads one tag at parser->at ("{{"), with the text before it from `text_from`. */
static int parse_tag(struct parser *parser, size_t text_from)
{
    struct str source = parser->source, name;
    size_t from = parser->at, content = from + 2, close, to, begin = from, next;
    char sigil = content < source.n ? source.p[content] : 0;
    bool triple = sigil == '{', alone = false;

    if (sigil && strchr("{&#^/!", sigil))
        content++;
    else if (sigil && strchr(">=<$", sigil))
        return refuse(parser, from, "partials, parents and delimiters are not supported");
    else
        sigil = 0;
    close = find_close(source, content, triple ? "}}}" : "}}");
    if (close == SIZE_MAX)
        return refuse(parser, from, "a tag is not closed");
    to = next = close + (triple ? 3 : 2);
    name = trim_name((struct str){source.p + content, close - content});
    if (sigil != '!' && !good_name(name))
        return refuse(parser, from, "a tag has no proper name");
    if (sigil && strchr("#^/!", sigil))
        alone = stands_alone(source, from, to, &begin, &next);
    add_node(parser, NODE_TEXT,
             (struct str){source.p + text_from, (alone && begin > text_from ? begin
                                                 : alone                    ? text_from
                                                                            : from) -
                                                    text_from});
    parser->at = next;
    switch (sigil) {
    case '!':
        return 0;
    case '#':
        return open_section(parser, from, NODE_SECTION, name);
    case '^':
        return open_section(parser, from, NODE_INVERTED, name);
    case '/':
        return close_section(parser, from, name);
    default:
        add_node(parser, sigil ? NODE_RAW : NODE_VALUE, name);
        return 0;
    }
}

int template_parse(struct str source, struct template **ret_template, struct buf *ret_problem)
{
    _cleanup_template_ struct template *template = NEW(struct template);
    struct parser parser = {.template = template, .problem = ret_problem};

    template->source = mem_strn(source.p, source.n);
    parser.source = (struct str){template->source, source.n};
    while (parser.at < source.n) {
        size_t text_from = parser.at, tag = find_close(parser.source, parser.at, "{{");
        int r;

        if (tag == SIZE_MAX) {
            add_node(&parser, NODE_TEXT, (struct str){template->source + text_from, source.n - text_from});
            break;
        }
        parser.at = tag;
        r = parse_tag(&parser, text_from);
        if (r < 0)
            return r;
    }
    if (parser.depth)
        return refuse(&parser, source.n, "a section is not closed");
    *ret_template = TAKE(template);
    return 0;
}

struct template *template_free(struct template *template)
{
    if (template) {
        free(template->nodes);
        free(template->source);
        free(template);
    }
    return NULL;
}

/* ---- escaping ---- */

static void escape_html(char c, struct buf *out)
{
    static const char from[] = "&<>\"'/`=";
    static const char *const to[] = {"&amp;", "&lt;",   "&gt;",   "&quot;",
                                     "&#39;", "&#x2F;", "&#x60;", "&#x3D;"};
    const char *found = c ? strchr(from, c) : NULL;

    if (found)
        buf_add_text(out, to[found - from]);
    else
        buf_add_char(out, c);
}

/* The length of a code point that must not stand in a line (C1 controls, line separators, direction overrides
 * and isolates); 0 for any other. */
static size_t odd_code_point(struct str rest)
{
    const unsigned char *p = (const unsigned char *)rest.p;

    if (rest.n >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
        return 2;
    if (rest.n >= 3 && p[0] == 0xe2 &&
        ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
        return 3;
    return 0;
}

void template_escape(struct str value, enum template_place place, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        size_t odd = odd_code_point((struct str){value.p + i, value.n - i});

        if (place == TEMPLATE_HTML) {
            escape_html((char)c, out);
        } else if (odd && (place == TEMPLATE_LINE || odd == 2)) {
            if (place == TEMPLATE_LINE)
                buf_add_char(out, ' ');
            i += odd - 1;
        } else if (place == TEMPLATE_LINE) {
            buf_add_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
        } else if (c == '\r') {
            if (i + 1 == value.n || value.p[i + 1] != '\n')
                buf_add_char(out, '\n');
        } else if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t') {
            buf_add_char(out, (char)c);
        }
    }
}

/* ---- rendering ---- */

struct renderer {
    const struct template *template;
    enum template_place place;
    struct buf *out;
    size_t limit;
    const json_t *contexts[TEMPLATE_DEPTH + 1];
    size_t depth;
    size_t steps; /* nodes visited: empty sections over long lists cost time without output */
};

static const json_t *member(const json_t *object, struct str name)
{
    char key[128];

    if (!json_is_object(object) || name.n >= sizeof key)
        return NULL;
    memcpy(key, name.p, name.n);
    key[name.n] = 0;
    return json_object_get(object, key);
}

static const json_t *look_up(const struct renderer *renderer, struct str name)
{
    const json_t *value = NULL;
    struct str first, rest;

    if (str_eq(name, STR(".")))
        return renderer->contexts[renderer->depth - 1];
    str_cut(name, '.', &first, &rest);
    for (size_t i = renderer->depth; i-- > 0 && !value;)
        value = member(renderer->contexts[i], first);
    while (value && rest.n) {
        str_cut(rest, '.', &first, &rest);
        value = member(value, first);
    }
    return value;
}

static bool is_false(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_STRING:
        return !json_string_length(value);
    case JSON_INTEGER:
        return !json_integer_value(value);
    case JSON_REAL:
        return fpclassify(json_real_value(value)) == FP_ZERO;
    case JSON_ARRAY:
        return !json_array_size(value);
    default:
        return false;
    }
}

static void add_real(struct buf *out, double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) >= value && strtod(text, NULL) <= value)
            break;
    }
    buf_add_text(out, text);
}

static void add_value(struct renderer *renderer, const json_t *value, bool raw)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING: {
        struct str text = {json_string_value(value), json_string_length(value)};

        if (raw)
            buf_add_str(renderer->out, text);
        else
            template_escape(text, renderer->place, renderer->out);
        break;
    }
    case JSON_INTEGER:
        buf_add_i64(renderer->out, json_integer_value(value));
        break;
    case JSON_REAL:
        add_real(renderer->out, json_real_value(value));
        break;
    case JSON_TRUE:
        buf_add_text(renderer->out, "true");
        break;
    case JSON_FALSE:
        buf_add_text(renderer->out, "false");
        break;
    default:
        break;
    }
}

static int render(struct renderer *renderer, size_t from, size_t to);

static int render_within(struct renderer *renderer, const json_t *context, size_t from, size_t to)
{
    int r;

    renderer->contexts[renderer->depth++] = context;
    r = render(renderer, from, to);
    renderer->depth--;
    return r;
}

static int render_section(struct renderer *renderer, size_t at)
{
    const struct node *node = &renderer->template->nodes[at];
    const json_t *value = look_up(renderer, node->text), *element;
    size_t i;
    int r = 0;

    if (is_false(value) != (node->kind == NODE_INVERTED))
        return 0;
    if (node->kind == NODE_INVERTED || json_is_true(value))
        return render(renderer, at + 1, node->end);
    if (!json_is_array(value))
        return render_within(renderer, value, at + 1, node->end);
    json_array_foreach((json_t *)value, i, element)
    {
        r = render_within(renderer, element, at + 1, node->end);
        if (r < 0)
            break;
    }
    return r;
}

static int render(struct renderer *renderer, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct node *node = &renderer->template->nodes[i];
        int r = 0;

        if (++renderer->steps > TEMPLATE_OUTPUT_BYTES || renderer->out->n > renderer->limit)
            return -E_TOO_LARGE;
        switch (node->kind) {
        case NODE_TEXT:
            buf_add_str(renderer->out, node->text);
            break;
        case NODE_VALUE:
        case NODE_RAW:
            add_value(renderer, look_up(renderer, node->text), node->kind == NODE_RAW);
            break;
        case NODE_SECTION:
        case NODE_INVERTED:
            r = render_section(renderer, i);
            i = node->end;
            break;
        case NODE_END:
            break;
        }
        if (r < 0)
            return r;
    }
    return renderer->out->n > renderer->limit ? -E_TOO_LARGE : 0;
}

int template_render(const struct template *template, const json_t *data, enum template_place place,
                    struct buf *out)
{
    struct renderer renderer = {
        .template = template,
        .place = place,
        .out = out,
        .limit = out->n + TEMPLATE_OUTPUT_BYTES,
        .contexts = {data},
        .depth = 1,
    };

    return render(&renderer, 0, template->n);
}
