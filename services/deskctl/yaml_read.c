/* The only file that knows libyaml. Texts that may be JSON go to jansson first: libyaml would refuse escaped
 * surrogates, and read fractions as texts. What it takes is walked once more for the lines; what it refuses
 * is read as YAML, whose flow form looks the same.
 *
 * libyaml gives events; they are counted and their depth is bounded as they come, and there are no aliases,
 * so nothing is larger than its text. Characters are looked at before: libyaml would take those that end a
 * line in Unicode alone, and tell tabs by what it was looking for; and it needs half a
 * minute for a file of directives. */
#include "deskctl/yaml_read.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "meridian/errors.h"
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

void yaml_document_fini(struct yaml_document *document)
{
    json_decref(document->json);
    document_places_fini(&document->places);
    *document = (struct yaml_document){0};
}

/* ---- faults ---- */

static int fail(struct yaml_fault *fault, size_t line, size_t column, const char *format, ...) _printf_(4, 5);
static int fail(struct yaml_fault *fault, size_t line, size_t column, const char *format, ...)
{
    char reason[600];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    fault->line = line;
    fault->column = column;
    buf_reset(&fault->reason);
    buf_add_utf8(&fault->reason, str_from(reason)); /* it may be cut */
    return -E_VALIDATION;
}

static int too_deep(struct yaml_fault *fault, size_t line, size_t column)
{
    return fail(fault, line, column,
                T("is nested more than %d deep; a document needs less", "嵌套超过 %d 层；文档不需要这么深"),
                YAML_DEPTH_MAX);
}

static int too_many(struct yaml_fault *fault, size_t line, size_t column)
{
    return fail(fault, line, column,
                T("is one value too many; at most %d are read", "值的数量超过上限 %d 个"), YAML_VALUES_MAX);
}

/* ---- characters ---- */

/* What no YAML holds as it is: controls, and what ends a line in Unicode but in no editor. */
static bool is_forbidden(int32_t c)
{
    return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
           c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* Finds the first fault in the text's bytes: of any text, or (`yaml`) of one in YAML. */
static int check_characters(struct str text, bool yaml, bool tabs, struct yaml_fault *fault)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < text.n;) {
        int32_t c = utf8_next(text, &i);

        if (c < 0)
            return fail(fault, line, column,
                        T("is not UTF-8; save the file as UTF-8", "不是 UTF-8；请将文件另存为 UTF-8"));
        if (yaml && !tabs && c == '\t')
            return fail(
                fault, line, column,
                T("is a tab; use spaces (in a text: \"\\t\")", "含制表符；请使用空格（文本中请写 \"\\t\"）"));
        if (yaml && c == '%' && column == 1)
            return fail(fault, line, column,
                        T("directives (%%) are not read; remove the line", "不支持指令（%%）；请删除该行"));
        if (yaml && is_forbidden(c))
            return fail(fault, line, column,
                        T("is the control character U+%04X; remove it (in a text: \"\\u%04x\")",
                          "含控制字符 U+%04X；请删除（文本中请写 \"\\u%04x\"）"),
                        (unsigned)c, (unsigned)c);
        column++;
        if (c == '\n') {
            line++;
            column = 1;
        }
    }
    return 0;
}

/* ---- JSON ---- */

/* Goes through a text that is JSON, led by its values. */
struct walk {
    const char *p, *end, *begin_of_line;
    size_t line;
    struct document_places *places;
    struct yaml_fault *fault;
};

static size_t column_of(const struct walk *walk)
{
    return 1 + utf8_length((struct str){walk->begin_of_line, (size_t)(walk->p - walk->begin_of_line)});
}

/* To the next character that is no blank. */
static void skip_blanks(struct walk *walk)
{
    for (; walk->p < walk->end && strchr(" \t\r\n", *walk->p); walk->p++)
        if (*walk->p == '\n') {
            walk->line++;
            walk->begin_of_line = walk->p + 1;
        }
}

/* Over a punctuation mark and what is blank behind it. */
static void skip_mark(struct walk *walk)
{
    walk->p++;
    skip_blanks(walk);
}

static void skip_scalar(struct walk *walk)
{
    if (*walk->p != '"') {
        while (walk->p < walk->end && !strchr(",]} \t\r\n", *walk->p))
            walk->p++;
    } else {
        for (walk->p++; *walk->p != '"'; walk->p++)
            walk->p += *walk->p == '\\';
        walk->p++;
    }
    skip_blanks(walk);
}

static int walk_value(struct walk *walk, const json_t *value, const char *key, size_t line, int depth);

/* Members are in the order of the text, each once: jansson keeps it and was told to reject duplicates. */
static int walk_within(struct walk *walk, const json_t *value, int depth)
{
    const char *key;
    json_t *member;
    int rc = 0;

    skip_mark(walk);
    for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
        rc = walk_value(walk, json_array_get(value, i), NULL, walk->line, depth);
        if (i + 1 < json_array_size(value))
            skip_mark(walk);
    }
    json_object_foreach((json_t *)value, key, member)
    {
        size_t line = walk->line;

        skip_scalar(walk);
        skip_mark(walk); /* : */
        rc = walk_value(walk, member, key, line, depth);
        if (rc < 0)
            return rc;
        if (*walk->p == ',')
            skip_mark(walk);
    }
    if (rc == 0)
        skip_mark(walk);
    return rc;
}

static int walk_value(struct walk *walk, const json_t *value, const char *key, size_t line, int depth)
{
    bool within = json_is_array(value) || json_is_object(value);
    size_t number;
    int rc = 0;

    if (within && depth == YAML_DEPTH_MAX)
        return too_deep(walk->fault, walk->line, column_of(walk));
    if (walk->places->n == YAML_VALUES_MAX)
        return too_many(walk->fault, walk->line, column_of(walk));
    number = document_places_add(walk->places, key, line, json_is_array(value));
    if (within)
        rc = walk_within(walk, value, depth + 1);
    else
        skip_scalar(walk);
    document_places_close(walk->places, number);
    return rc;
}

static int walk_json(struct str text, struct yaml_document *document, struct yaml_fault *fault)
{
    struct walk walk = {text.p, text.p + text.n, text.p, 1, &document->places, fault};

    document->is_json = true;
    skip_blanks(&walk);
    return walk_value(&walk, document->json, NULL, walk.line, 0);
}

/* ---- YAML ---- */

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being read */
    struct document_places *places;
    struct yaml_fault *fault;
};

#define fail_at(r, mark, ...) fail((r)->fault, (mark).line + 1, (mark).column + 1, __VA_ARGS__)

static int next(struct reader *r)
{
    const yaml_parser_t *parser = &r->parser;

    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    return fail_at(r, parser->problem_mark, T("is not YAML: %s%s%s", "不是 YAML：%s%s%s"),
                   parser->context ? parser->context : "", parser->context ? ": " : "",
                   parser->problem ? parser->problem : "no memory");
}

/* Fails where the event has what is not read: an alias, an anchor, a tag. */
static int check_properties(struct reader *r)
{
    const yaml_event_t *event = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor || event->type == YAML_ALIAS_EVENT)
        return fail_at(
            r, event->start_mark,
            T("anchors (&) and aliases (*) are not read; write the value out, and quote a text that "
              "begins like one",
              "不支持锚点（&）与别名（*）；请直接写出该值，以这些字符开头的文本请加引号"));
    if (tag)
        return fail_at(r, event->start_mark,
                       T("tags (!) are not read; leave it out, and quote a text that begins with !",
                         "不支持标签（!）；请去掉，以 ! 开头的文本请加引号"));
    return 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* As JSON writes it. */
static bool is_whole_number(const char *text)
{
    const char *digits = text + (*text == '-');

    return *digits && strspn(digits, "0123456789") == strlen(digits) && (*digits != '0' || !digits[1]);
}

/* The value of the scalar that is being read. */
static int read_scalar(struct reader *r, json_t **ret_value)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    int64_t number;

    if (memchr(text, 0, n))
        return fail_at(r, r->event.start_mark,
                       T("has the character NUL; leave it out", "含 NUL 字符；请删除"));
    if (plain && is_whole_number(text)) {
        if (str_to_i64((struct str){text, n}, INT64_MIN, INT64_MAX, &number) < 0)
            return fail_at(r, r->event.start_mark,
                           T("the number does not fit into 64 bits; quote it if it is a text",
                             "数字超出 64 位范围；若为文本请加引号"));
        *ret_value = json_integer(number);
    } else if (plain && is_one_of(text, nulls)) {
        *ret_value = json_null();
    } else if (plain && is_one_of(text, trues)) {
        *ret_value = json_true();
    } else if (plain && is_one_of(text, falses)) {
        *ret_value = json_false();
    } else {
        *ret_value = json_stringn(text, n);
    }
    return 0;
}

static int read_value(struct reader *r, const char *key, size_t line, int depth, json_t **ret_value);

static int read_items(struct reader *r, int depth, json_t *array)
{
    json_t *item;
    int rc;

    for (;;) {
        rc = next(r);
        if (rc < 0 || r->event.type == YAML_SEQUENCE_END_EVENT)
            return rc;
        rc = read_value(r, NULL, 0, depth, &item);
        if (rc < 0)
            return rc;
        json_array_append_new(array, item);
    }
}

/* The name of the member of `object` that is being read, whose place has this number. */
static int read_key(struct reader *r, const json_t *object, size_t number, char **ret_key)
{
    json_auto_t *key = NULL;
    int rc = check_properties(r);

    if (rc == 0 && r->event.type == YAML_SCALAR_EVENT)
        rc = read_scalar(r, &key);
    if (rc < 0)
        return rc;
    if (!json_is_string(key))
        return fail_at(r, r->event.start_mark,
                       T("the name of a member must be a text; quote it: \"1\":",
                         "成员名必须是文本；请加引号，如 \"1\":"));
    if (json_object_get(object, json_string_value(key)))
        return fail_at(r, r->event.start_mark,
                       T("\"%.100s\" is there already, in line %zu; keep one of them",
                         "\"%.100s\" 重复，第 %zu 行已有；请只保留一个"),
                       json_string_value(key),
                       document_places_member(r->places, number, json_string_value(key))->line);
    *ret_key = mem_str(json_string_value(key));
    return 0;
}

static int read_members(struct reader *r, size_t number, int depth, json_t *object)
{
    for (;;) {
        _cleanup_(freep) char *key = NULL;
        json_t *member;
        size_t line;
        int rc = next(r);

        if (rc < 0 || r->event.type == YAML_MAPPING_END_EVENT)
            return rc;
        line = r->event.start_mark.line + 1;
        rc = read_key(r, object, number, &key);
        if (rc == 0)
            rc = next(r);
        if (rc == 0)
            rc = read_value(r, key, line, depth, &member);
        if (rc < 0)
            return rc;
        json_object_set_new(object, key, member);
    }
}

/* The value whose first event is being read; the event that ends it is, afterwards. `line` is that of its
 * key, 0 when it has none. */
static int read_value(struct reader *r, const char *key, size_t line, int depth, json_t **ret_value)
{
    const yaml_mark_t mark = r->event.start_mark;
    bool array = r->event.type == YAML_SEQUENCE_START_EVENT;
    json_auto_t *value = NULL;
    size_t number;
    int rc = check_properties(r);

    if (rc < 0)
        return rc;
    if (depth == YAML_DEPTH_MAX && r->event.type != YAML_SCALAR_EVENT)
        return too_deep(r->fault, mark.line + 1, mark.column + 1);
    if (r->places->n == YAML_VALUES_MAX)
        return too_many(r->fault, mark.line + 1, mark.column + 1);
    number = document_places_add(r->places, key, line ? line : mark.line + 1, array);
    if (r->event.type == YAML_SCALAR_EVENT) {
        rc = read_scalar(r, &value);
    } else {
        value = array ? json_array() : json_object();
        rc = array ? read_items(r, depth + 1, value) : read_members(r, number, depth + 1, value);
    }
    document_places_close(r->places, number);
    if (rc == 0)
        *ret_value = TAKE(value);
    return rc;
}

/* The only document of the stream. */
static int read_stream(struct reader *r, json_t **ret_json)
{
    int rc = next(r); /* the stream begins */

    if (rc == 0)
        rc = next(r);
    if (rc == 0 && r->event.type == YAML_STREAM_END_EVENT)
        return fail_at(r, r->event.start_mark, T("there is no document in this file", "文件中没有文档"));
    if (rc == 0)
        rc = next(r);
    if (rc == 0)
        rc = read_value(r, NULL, 0, 0, ret_json);
    if (rc == 0)
        rc = next(r); /* the document ends */
    if (rc == 0)
        rc = next(r);
    if (rc == 0 && r->event.type != YAML_STREAM_END_EVENT)
        return fail_at(r, r->event.start_mark,
                       T("another document begins here; put each into a file of its own",
                         "此处开始另一个文档；请每个文件只放一个文档"));
    return rc;
}

static size_t comment_line(struct str text)
{
    size_t line = 1;
    char before = '\n';

    for (size_t i = 0; i < text.n; before = text.p[i++]) {
        if (text.p[i] == '#' && strchr(" \t\n", before))
            return line;
        line += text.p[i] == '\n';
    }
    return 0;
}

static int read_yaml(struct str text, struct yaml_document *document, struct yaml_fault *fault)
{
    struct reader reader = {.places = &document->places, .fault = fault};
    int rc;

    if (!yaml_parser_initialize(&reader.parser))
        return fail(fault, 1, 1, "no memory");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.p, text.n);
    rc = read_stream(&reader, &document->json);
    document->comment_line = comment_line(text);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return rc;
}

/* ---- either ---- */

static int read_text(struct str text, struct yaml_document *document, struct yaml_fault *fault)
{
    size_t blanks = 0;
    bool braced;
    int rc;

    if (text.n > YAML_FILE_MAX)
        return fail(fault, 1, 1, T("is longer than %d bytes; divide it", "超过 %d 字节；请拆分"),
                    YAML_FILE_MAX);
    while (blanks < text.n && strchr(" \t\r\n", text.p[blanks]))
        blanks++;
    braced = blanks < text.n && (text.p[blanks] == '{' || text.p[blanks] == '[');
    rc = check_characters(text, false, true, fault);
    if (rc < 0)
        return rc;
    document->json = braced ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (document->json)
        return walk_json(text, document, fault);
    rc = check_characters(text, true, braced, fault);
    return rc < 0 ? rc : read_yaml(text, document, fault);
}

int yaml_read(struct str text, struct yaml_document *ret_document, struct yaml_fault *fault)
{
    _cleanup_yaml_document_ struct yaml_document document = {0};
    int rc;

    if (str_starts(text, STR("\xef\xbb\xbf"))) /* what some editors begin UTF-8 with */
        text = (struct str){text.p + 3, text.n - 3};
    rc = read_text(text, &document, fault);
    if (rc < 0)
        return rc;
    *ret_document = document;
    document = (struct yaml_document){0};
    return 0;
}
