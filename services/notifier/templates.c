/* The table of parsed templates. A few dozen: a walk is as good as a map. */
#include "notifier/templates.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <stdio.h>

struct templates {
    size_t n;
    struct template *parsed[]; /* in the order of template_sources */
};

int templates_open(struct templates **ret_templates, struct buf *ret_problems)
{
    struct templates *templates;
    size_t n = 0;
    int status = 0;

    while (template_sources[n].name)
        n++;
    templates = mem_alloc(sizeof *templates + n * sizeof templates->parsed[0]);
    templates->n = n;
    for (size_t i = 0; i < n; i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;

        if (template_parse(str_from(template_sources[i].text), &templates->parsed[i], &problem) == 0)
            continue;
        buf_printf(ret_problems, "%s: %s\n", template_sources[i].name, buf_text(&problem));
        status = -E_CONFIG;
    }
    if (status < 0)
        templates_close(templates);
    else
        *ret_templates = templates;
    return status;
}

struct templates *templates_close(struct templates *templates)
{
    for (size_t i = 0; templates && i < templates->n; i++)
        template_free(templates->parsed[i]);
    free(templates);
    return NULL;
}

static const struct template *find(const struct templates *templates, const char *language, const char *event,
                                   const char *part)
{
    char name[128];

    snprintf(name, sizeof name, "%s/%s.%s", language, event, part);
    for (size_t i = 0; i < templates->n; i++)
        if (strcmp(template_sources[i].name, name) == 0)
            return templates->parsed[i];
    return NULL;
}

const struct template *templates_find(const struct templates *templates, const char *language,
                                      const char *event, const char *part)
{
    const struct template *found = language ? find(templates, language, event, part) : NULL;

    return found ? found : find(templates, "en", event, part);
}
