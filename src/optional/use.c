/* use.c - offers what this library has to the core. */

#include <diffuscope/optional.h>

#ifdef DS_HAVE_LINK_GRAMMAR
#include "optional/link_grammar.h"
#endif
#include "optional/pango.h"

void ds_report_use(void)
{
    ds_letters_use(&ds__pango_letters);
#ifdef DS_HAVE_LINK_GRAMMAR
    ds_grammar_use(&ds__link_grammar);
#endif
}
