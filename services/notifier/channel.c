/* The list of channels, and the one path through them: find, render, deliver. */
#include "notifier/channel.h"
#include "meridian/errors.h"
#include <stdio.h>

const struct channel *const channels[] = {&channel_mail, &channel_webhook, NULL};

const struct channel *channel_find(const char *name)
{
    for (size_t i = 0; channels[i]; i++)
        if (strcmp(channels[i]->name, name) == 0)
            return channels[i];
    return NULL;
}

static void refuse(const char *why, attempt_fn done, void *ctx)
{
    struct attempt attempt = {.outcome = OUTCOME_PERMANENT};

    snprintf(attempt.detail, sizeof attempt.detail, "%s", why);
    done(ctx, &attempt);
}

void channel_send(const struct channel_env *env, const char *channel, const struct delivery *delivery,
                  attempt_fn done, void *ctx)
{
    _cleanup_buf_ struct buf message = BUF_INIT, why = BUF_INIT;
    const struct channel *found = channel_find(channel);

    if (!found)
        refuse("no such channel", done, ctx);
    else if (found->render(env, delivery, &message, &why) < 0)
        refuse(buf_text(&why), done, ctx);
    else
        found->deliver(env, delivery, buf_str(&message), done, ctx);
}
