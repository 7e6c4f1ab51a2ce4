// Reads order books with simdjson On-Demand, directly into the caller's arrays.
//
// It iterates over the fields of each object, so any key order works. The structs and functions with C linkage are
// repeated in simdjson.rs.

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace simdjson;

namespace {

template <typename T> struct List {
    T *items;
    size_t capacity, length;

    void push(const T &item) {
        if (length == capacity) throw simdjson_error(CAPACITY);
        items[length++] = item;
    }
};

struct Level {
    int64_t ticks, lots;
    uint32_t count;
};

enum Side : uint8_t { NONE, BUY, SELL };

struct Trade {
    int64_t ticks, lots, created;
    Side side;
};

struct Text {
    const char *start;
    size_t length;
};

struct Message {
    List<Level> bids, asks;
    List<Trade> trades;
    Text market, outcome, time;
    double last_price; // NaN if absent
    int64_t sent;      // negative if absent
    Side last_side;
    bool levels_only;
};

// simdjson.rs asserts the same.
static_assert(sizeof(Level) == 24 && offsetof(Level, lots) == 8 && offsetof(Level, count) == 16);
static_assert(sizeof(Trade) == 32 && offsetof(Trade, created) == 16 && offsetof(Trade, side) == 24);
static_assert(sizeof(List<Level>) == 24 && offsetof(List<Level>, length) == 16);
static_assert(sizeof(Text) == 16 && offsetof(Text, length) == 8);
static_assert(sizeof(Message) == 144 && offsetof(Message, trades) == 48 && offsetof(Message, market) == 72);
static_assert(offsetof(Message, last_price) == 120 && offsetof(Message, last_side) == 136);
static_assert(offsetof(Message, levels_only) == 137);

Text text(std::string_view it) { return {it.data(), it.size()}; }

Side side(ondemand::value value) {
    std::string_view name = value;
    if (name == "BUY") return BUY;
    if (name == "SELL") return SELL;
    throw simdjson_error(INCORRECT_TYPE);
}

void jayx_levels(ondemand::array levels, List<Level> &out) {
    for (ondemand::object fields : levels) {
        Level level{};
        for (auto field : fields) {
            ondemand::raw_json_string key = field.key();
            if (key == "ticks") level.ticks = field.value();
            else if (key == "lots") level.lots = field.value();
            else if (key == "count") level.count = uint32_t(uint64_t(field.value()));
        }
        out.push(level);
    }
}

void jayx_trades(ondemand::array trades, List<Trade> &out) {
    for (ondemand::object fields : trades) {
        Trade trade{};
        for (auto field : fields) {
            ondemand::raw_json_string key = field.key();
            if (key == "lots") trade.lots = field.value();
            else if (key == "ticks") trade.ticks = field.value();
            else if (key == "side") trade.side = side(field.value());
            else if (key == "created") trade.created = field.value();
        }
        out.push(trade);
    }
}

void jayx(ondemand::object payload, Message &out) {
    for (auto field : payload) {
        ondemand::raw_json_string key = field.key();
        if (key == "orderBook") {
            ondemand::object book = field.value();
            for (auto side : book) {
                ondemand::raw_json_string name = side.key();
                if (name == "asks") jayx_levels(side.value(), out.asks);
                else if (name == "bids") jayx_levels(side.value(), out.bids);
            }
        } else if (key == "trades" && !out.levels_only) {
            jayx_trades(field.value(), out.trades);
        }
    }
}

struct Powers {
    int64_t of[19] = {1};

    constexpr Powers() {
        for (int i = 1; i < 19; i++) of[i] = of[i - 1] * 10;
    }
};

constexpr Powers POWERS;

// Converts the text of a number to whole steps of 10^-decimals. This is exact, and faster than get_double. It refuses
// signs and exponents, which books do not contain, and more than 18 characters, so the result cannot overflow.
simdjson_inline int64_t steps(std::string_view token, unsigned decimals) {
    const char *const start = token.data(), *at = start;
    auto is_digit = [&] { return uint8_t(*at - '0') <= 9; };
    int64_t number = 0;
    for (; is_digit(); at++) number = number * 10 + (*at - '0');
    if (at == start) throw simdjson_error(NUMBER_ERROR);
    if (*at == '.') {
        for (at++; is_digit(); at++) {
            if (decimals > 0) number = number * 10 + (*at - '0'), decimals--;
            else if (*at != '0') throw simdjson_error(NUMBER_ERROR); // finer than the scale
        }
    }
    bool is_over = *at == ',' || *at == '}' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t';
    if (!is_over || at - start + decimals > 18) throw simdjson_error(NUMBER_ERROR);
    return number * POWERS.of[decimals];
}

struct Decimals {
    unsigned price, quantity;
};

void bayse_levels(ondemand::array levels, List<Level> &out, Decimals decimals) {
    for (ondemand::object fields : levels) {
        Level level{};
        for (auto field : fields) {
            ondemand::raw_json_string key = field.key();
            if (key == "price") level.ticks = steps(field.value().raw_json_token(), decimals.price);
            else if (key == "quantity") level.lots = steps(field.value().raw_json_token(), decimals.quantity);
        }
        out.push(level);
    }
}

void bayse_book(ondemand::object book, Message &out, Decimals decimals) {
    for (auto field : book) {
        ondemand::raw_json_string key = field.key();
        ondemand::value value = field.value();
        if (key == "bids") bayse_levels(value, out.bids, decimals);
        else if (key == "asks") bayse_levels(value, out.asks, decimals);
        else if (out.levels_only) continue;
        else if (key == "marketId") out.market = text(value.get_string());
        else if (key == "outcomeId") out.outcome = text(value.get_string());
        else if (key == "timestamp") out.time = text(value.get_string());
        else if (key == "lastTradedPrice" && !value.is_null()) out.last_price = value;
        else if (key == "lastTradedSide" && !value.is_null()) out.last_side = side(value);
    }
}

void bayse(ondemand::object message, Message &out, Decimals decimals) {
    bool is_book = false;
    for (auto field : message) {
        ondemand::raw_json_string key = field.key();
        if (key == "type") {
            is_book = std::string_view(field.value()) == "orderbook_update";
        } else if (key == "data") {
            ondemand::object data = field.value();
            for (auto part : data) {
                if (ondemand::raw_json_string(part.key()) == "orderbook") bayse_book(part.value(), out, decimals);
            }
        } else if (key == "timestamp") {
            out.sent = field.value();
        }
    }
    if (!is_book) throw simdjson_error(INCORRECT_TYPE);
}

template <typename F>
const char *read(ondemand::parser &parser, const char *json, size_t length, size_t capacity, F f) {
    try {
        ondemand::document document = parser.iterate(json, length, capacity);
        f(document.get_object());
        bool is_over = document.current_location().error() == OUT_OF_BOUNDS;
        return is_over ? nullptr : error_message(TRAILING_CONTENT);
    } catch (const simdjson_error &error) {
        return error_message(error.error());
    }
}

} // namespace

extern "C" {

ondemand::parser *peers_simdjson_new() noexcept { return new ondemand::parser; }

void peers_simdjson_free(ondemand::parser *parser) noexcept { delete parser; }

// Such as `3.0.1 icelake`.
const char *peers_simdjson_version() noexcept {
    static const std::string version = SIMDJSON_STRINGIFY(SIMDJSON_VERSION) " " + get_active_implementation()->name();
    return version.c_str();
}

// Both return null, or an error message.

const char *peers_simdjson_jayx(ondemand::parser *parser, const char *json, size_t length, size_t capacity,
                                Message *out) noexcept {
    return read(*parser, json, length, capacity, [&](ondemand::object payload) { jayx(payload, *out); });
}

const char *peers_simdjson_bayse(ondemand::parser *parser, const char *json, size_t length, size_t capacity,
                                 Message *out, unsigned price_decimals,
                                 unsigned quantity_decimals) noexcept {
    return read(*parser, json, length, capacity,
                [&](ondemand::object message) { bayse(message, *out, {price_decimals, quantity_decimals}); });
}

} // extern "C"
