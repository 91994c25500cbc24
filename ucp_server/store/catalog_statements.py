"""What is asked of Postgres by those who look for products: small rows first, large ones where needed.

A search looks at many rows of ``product_heads``, which are small: titles, categories, options, a range
of prices. What is found is then checked against the items themselves, best first and no further than
a list is long, so that prices and stock are those of this moment. Only words that stand elsewhere than
in titles lead to ``product_words``, where a row is some kilobytes.
"""

from typing import Final

from ucp_server.store.search_words import WEIGHTS

# Products that have all words in their titles: as many are put in order, in some 10 ms. Of a word that
# is in more titles than that, the shop's first ones are shown.
TITLED_MAX: Final = 10_000
# Of words elsewhere: large rows, so no more of them are ranked than a list holds ...
RANKED_MAX: Final = 1_000
# ... nor looked through where a filter leaves few of them.
LOOKED_THROUGH_MAX: Final = 4_000
# Fewer of those that have but one of many words: each word is weighed by itself, up to 16 of them.
ANY_RANKED_MAX: Final = 500
# Browsing: as many items at a price, or products of a category, are gone through one by one; where
# there are more, a walk through the shop in its order soon finds enough of them.
FEW_PRICED_MAX: Final = 5_000
FEW_WITHIN_MAX: Final = 10_000
# Known words that are looked at for each misspelt one.
ALIKE_MAX: Final = 256
LESS_ALIKE_MAX: Final = 64

# Parameters that all searches share: $1 the merchant, $2 and $3 bounds of the price, $4 whether it can
# be bought, $5 what is chosen, $6 how many are wanted; None is no condition. One item fulfils them all.
# A value instead of EXISTS: for the latter Postgres might first make a table of all items that fit.
_ITEM_FITS: Final = """
select true from items i
where i.merchant_id = h.merchant_id and i.product_id = h.product_id
  and ($2::bigint is null or i.price_minor >= $2)
  and ($3::bigint is null or i.price_minor <= $3)
  and ($4::boolean is null or $4 = (i.is_sold and coalesce((
      select v.on_hand > v.reserved from inventory v
      where v.merchant_id = i.merchant_id and v.item_id = i.id), true)))
"""
# Two ways, since only the one without options is answered by an index alone.
_FITS: Final = f"""
($2::bigint is null and $3::bigint is null and $4::boolean is null and $5::tsquery is null or coalesce(
    case when $5::tsquery is null then ({_ITEM_FITS} limit 1)
         else ({_ITEM_FITS} and i.choices @@ $5 limit 1) end, false))
"""
_PRICES_END: Final = 9_007_199_254_740_991
# The range of a product's prices as it was loaded; what has been given another price since then is
# looked at whatever its range.
_MAY_FIT: Final = f"""
(h.price_from <= coalesce($3::bigint, {_PRICES_END}) and h.price_to >= coalesce($2::bigint, 0)
    or h.product_id in (
    select i.product_id from items i
    where i.merchant_id = $1 and i.price_minor is distinct from i.listed_minor))
"""
# The concatenation keeps Postgres from going through all products of the merchant: one plan serves all
# searches, and only the index of words is right for all of them.
_OWN: Final = "h.merchant_id || '' = $1"
_BEST: Final = "rank desc, title_length, position"


def _ranked(wanted: str, rank: str, at_most: int) -> str:
    """Of the large rows: those that fit, with their rank."""
    return f"""
select h.product_id, h.position, h.title_length, {rank} as rank
from (
    select h.* from product_words h where {wanted} and {_OWN} limit {LOOKED_THROUGH_MAX}
) as h
where {_FITS}
limit {at_most}
"""


# $7 has all words in the title, $8 has them but not so; $9 and $10 weigh the one and the other. $9 is
# None where all titles weigh the same.
FIND_ALL: Final = f"""
with titled as materialized (
    select h.merchant_id, h.product_id, h.position, h.title_length,
           case when $9::tsquery is null then 0 else ts_rank(h.head, $9) end as rank
    from product_heads h
    where h.head @@ $7::tsquery and {_OWN} and {_MAY_FIT}
    limit {TITLED_MAX}
), best as materialized (
    select h.product_id, h.position, h.title_length, h.rank
    from (select * from titled order by {_BEST} offset 0) as h
    where {_FITS} limit $6
), elsewhere as materialized (
    {
    _ranked(
        "(select count(*) from best) < $6 and h.words @@ $8::tsquery",
        f"ts_rank('{WEIGHTS}', h.words, $10::tsquery)",
        RANKED_MAX,
    )
}
)
select product_id
from (select 0 as place, * from best union all select 1, * from elsewhere) as found
order by place, {_BEST} limit $6
"""

_SUM_OF_RANKS: Final = f"""
(select sum(each.weight * ts_rank('{WEIGHTS}', h.words, each.word::tsquery))
 from unnest($8::text[], $9::float4[]) as each (word, weight))
"""
FIND_ANY: Final = f"""
select product_id from ({_ranked("h.words @@ $7::tsquery", _SUM_OF_RANKS, ANY_RANKED_MAX)}) as found
order by {_BEST} limit $6
"""

FIND_NAMED: Final = f"""
select product_id from product_heads h
where h.merchant_id = $1 and h.product_id = any($7::text[])
  and ($8::tsquery is null or h.head @@ $8) and {_FITS}
order by h.position limit $6
"""


def _browsing(few: str, few_max: int, rows: str, *, is_given: str = "true", also: str = "true") -> str:
    """In the shop's order, by whichever is the shorter way: ``few`` products, or that order itself.

    ``few`` count where ``is_given``, and ``rows`` are theirs. On the other way ``also`` holds for each
    product; where many fit, the limit is soon reached.
    """
    return f"""
with few as materialized ({few} limit {few_max + 1}),
way as materialized (select {is_given} and count(*) <= {few_max} as is_short from few),
one_by_one as (
    select h.product_id, h.position
    from (select h.* from {rows} where (select is_short from way) order by h.position offset 0) as h
    where {_FITS} limit $6
), in_order as (
    select h.product_id, h.position from product_heads h
    where h.merchant_id = $1 and not (select is_short from way) and {also} and {_MAY_FIT} and {_FITS}
    order by h.position limit $6
)
select product_id from (select * from one_by_one union all select * from in_order) as found
order by position limit $6
"""


_HAS_PRICE: Final = "($2::bigint is not null or $3::bigint is not null)"
BROWSE: Final = _browsing(
    f"""
    select product_id from items
    where merchant_id = $1 and {_HAS_PRICE}
      and price_minor between coalesce($2::bigint, 0) and coalesce($3::bigint, {_PRICES_END})
    """,
    FEW_PRICED_MAX,
    rows="""
    (select distinct product_id from few) one
    join lateral (
        select h.merchant_id, h.product_id, h.position from product_heads h
        where h.merchant_id = $1 and h.product_id = one.product_id
    ) h on true
    """,
    is_given=_HAS_PRICE,
)
# The function instead of the operator: no index of words on the way through the shop's order.
FIND_WITHIN: Final = _browsing(
    f"""
    select h.merchant_id, h.product_id, h.position from product_heads h
    where h.head @@ $7::tsquery and {_OWN} and {_MAY_FIT}
    """,
    FEW_WITHIN_MAX,
    rows="few h",
    also="ts_match_vq(h.head, $7::tsquery)",
)

LOAD_SHOP_LANGUAGES: Final = "select language from product_languages where merchant_id = $1"
COUNT_WORDS: Final = (
    "select word, products from vocabulary where merchant_id = $1 and word = any($2::text[])"
)
# The concatenation as above: only the index of trigrams.
_ALIKE: Final = "v.merchant_id || '' = $1 and length(v.word) between $3 and $4"
# A typo leaves most trigrams together as they are; few words have so many in common.
FIND_ALIKE: Final = f"""
select distinct v.products, v.word
from unnest($2::text[]) as left_over (trigrams)
join vocabulary v on v.trigrams @> left_over.trigrams::integer[]
where {_ALIKE}
order by v.products desc, v.word
limit {ALIKE_MAX}
"""
# Two typos may leave but one or two of them: these are many words.
FIND_LESS_ALIKE: Final = f"""
select v.word from vocabulary v
where v.trigrams && $2::integer[] and {_ALIKE}
order by (select count(*) from unnest(v.trigrams) as one (trigram) where one.trigram = any($2)) desc,
         v.products desc, v.word
limit {LESS_ALIKE_MAX}
"""
