/* Called by deskctl queue and explain route. */
#include "deskctl/eligibility.h"
#include "base/encode.h"
#include "deskctl/commands.h"
#include <stdio.h>
#include <string.h>

enum { SHOWN = 50 };

const char *eligibility_word(const char *refusal)
{
    static const struct {
        const char *refusal, *en, *zh;
    } words[] = {{"", "yes", "可以"},
                 {"team", "not a member", "非成员"},
                 {"skills", "skills", "技能不足"},
                 {"off_shift", "off shift", "非当班"},
                 {"capacity", "capacity", "容量已满"}};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(refusal, words[i].refusal) == 0)
            return T(words[i].en, words[i].zh);
    return refusal;
}

int eligibility_read(struct client *client, const char *number, struct response *ret_response)
{
    _cleanup_buf_ struct buf path = BUF_INIT;

    buf_add_text(&path, "/api/v1/tickets/");
    buf_add_percent(&path, str_from(number));
    buf_printf(&path, "/eligibility?limit=%d", SHOWN);
    client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, ret_response);
    return ret_response->status == 200 ? EXIT_OK_ : client_explain(ret_response, client->url);
}

/* "vpn 3, linux 1" */
static void add_needs(const json_t *eligibility, struct buf *text)
{
    const char *skill;
    json_t *level;

    json_object_foreach(json_object_get(eligibility, "skills"), skill, level)
        buf_printf(text, "%s%s %lld", text->n ? ", " : "", skill, (long long)json_integer_value(level));
}

static void add_why(const json_t *agent, struct buf *text)
{
    const char *refusal = output_at(agent, "refusal");
    const json_t *skill;
    size_t i;

    if (strcmp(refusal, "skills") == 0)
        json_array_foreach(json_object_get(agent, "missing"), i, skill) buf_printf(
            text, T("%s%s %s, has %s", "%s%s %s，现有 %s"), i ? ", " : "", output_at(skill, "skill"),
            output_at(skill, "level"), *output_at(skill, "has") ? output_at(skill, "has") : "0");
    else if (strcmp(refusal, "off_shift") == 0 && *output_at(agent, "opens_at"))
        buf_printf(text, T("opens %s", "开放时间 %s"), output_at(agent, "opens_at"));
    else if (strcmp(refusal, "capacity") == 0)
        buf_printf(text, "%s/%s", output_at(agent, "load"), output_at(agent, "capacity"));
}

void eligibility_print(const json_t *eligibility)
{
    _cleanup_buf_ struct buf needs = BUF_INIT;
    const json_t *agent;
    size_t i;

    add_needs(eligibility, &needs);
    printf(T("  needs %s; who may take it now:\n", "  需要 %s；目前谁可以领取：\n"),
           needs.n ? buf_text(&needs) : T("no skill", "无需技能"));
    json_array_foreach(json_object_get(eligibility, "items"), i, agent)
    {
        _cleanup_buf_ struct buf why = BUF_INIT;

        add_why(agent, &why);
        printf("    %-24s %s%s%s\n", output_at(agent, "login"), eligibility_word(output_at(agent, "refusal")),
               why.n ? ": " : "", buf_text(&why));
    }
    if (json_is_string(json_object_get(eligibility, "next")))
        puts(T("    and more", "    还有更多"));
}
