/* Templates without logic: a subset of mustache. Variables, sections, inverted sections, comments; no
 * partials, no lambdas, no delimiters of one's own. A parsed template is immutable and may be rendered from
 * any thread.
 *
 *   {{name}}  {{a.b}}  {{.}}        the value, escaped for the place
 *   {{{name}}}  {{&name}}           the value as it is
 *   {{#name}}...{{/name}}           for a list: once per element; for anything true: once, with it as context
 *   {{^name}}...{{/name}}           when it is missing, null, false, 0, "" or an empty list
 *   {{! comment }}
 *
 * A tag of the last three kinds alone on its line takes the whole line with it. A name is looked up in the
 * innermost context that has its first part; what is missing renders as nothing.
 */
#pragma once
#include "base/buf.h"
#include <jansson.h>

struct template;

/** Where the text will stand, which decides what a value may contain there. */
enum template_place {
    TEMPLATE_TEXT, /* plain text: line ends become \n, other control characters go */
    TEMPLATE_LINE, /* one line, such as a subject: also no line ends, tabs or direction overrides (a blank
                      instead) */
    TEMPLATE_HTML, /* & < > " ' / ` = become entities */
};

enum { TEMPLATE_DEPTH = 16, TEMPLATE_OUTPUT_BYTES = 1024 * 1024 };

/** Parses; the source is copied. -E_BAD_REQUEST with a sentence in *ret_problem (line number first). */
int template_parse(struct str source, struct template **ret_template, struct buf *ret_problem) _must_check_;
struct template *template_free(struct template *template);
DEFINE_CLEANUP(struct template, template_free)
#define _cleanup_template_ _cleanup_(template_freep)

/** Appends the rendered text. -E_TOO_LARGE when it would pass TEMPLATE_OUTPUT_BYTES: then what is appended is
 * of no use. */
int template_render(const struct template *template, const json_t *data, enum template_place place,
                    struct buf *out) _must_check_;

/** Appends a value as it may stand in a place. */
void template_escape(struct str value, enum template_place place, struct buf *out);
