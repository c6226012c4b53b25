/* Accept-Language: the best weighted range that is one of ours; the first of equals. */
#include "intake/language.h"

/* 0..1000 of ";q=0.5"; 1000 when there is none; 0 for what cannot be read. */
static int weight_of(struct str parameters)
{
    struct str part, rest = str_trim(parameters);
    int value = 0, scale = 1000;

    str_cut(rest, ';', &part, &rest);
    part = str_trim(part);
    if (!part.n)
        return 1000;
    if (part.n < 3 || (part.p[0] | 32) != 'q' || part.p[1] != '=')
        return 0;
    for (size_t i = 2; i < part.n && scale; i++) {
        if (part.p[i] == '.')
            continue;
        if (part.p[i] < '0' || part.p[i] > '9')
            return 0;
        value += (part.p[i] - '0') * scale;
        scale /= 10;
    }
    return value > 1000 ? 1000 : value;
}

static const char *one_of_ours(struct str range, const char *otherwise)
{
    struct str primary, rest;

    str_cut(range, '-', &primary, &rest);
    if (str_eq_nocase(primary, STR("zh")))
        return "zh";
    if (str_eq_nocase(primary, STR("en")))
        return "en";
    return str_eq(primary, STR("*")) ? otherwise : NULL;
}

const char *language_of(struct str accept_language, const char *otherwise)
{
    const char *best = NULL;
    int best_weight = 0;

    for (struct str rest = accept_language, item; rest.n;) {
        struct str range, parameters;
        const char *language;
        int weight;

        str_cut(rest, ',', &item, &rest);
        str_cut(str_trim(item), ';', &range, &parameters);
        language = one_of_ours(str_trim(range), otherwise);
        weight = weight_of(parameters);
        if (language && weight > best_weight) {
            best = language;
            best_weight = weight;
        }
    }
    return best ? best : otherwise;
}
