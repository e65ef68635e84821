"""The assets as data: every active currency of ISO 4217 (its list of 2026-01-01), and the tokens.

A line is a code and a name, grouped by the number of decimals. Metals, bond units, drawing rights
and the testing codes are left out: ISO 4217 gives them no minor unit, so no amount could be whole.
"""

CURRENCIES_BY_EXPONENT: dict[int, str] = {
    0: """
        BIF Burundian Franc
        CLP Chilean Peso
        DJF Djiboutian Franc
        GNF Guinean Franc
        ISK Icelandic Króna
        JPY Japanese Yen
        KMF Comorian Franc
        KRW South Korean Won
        PYG Paraguayan Guarani
        RWF Rwandan Franc
        UGX Ugandan Shilling
        UYI Uruguayan Peso, Indexed Units
        VND Vietnamese Dong
        VUV Vanuatu Vatu
        XAF Central African CFA Franc
        XOF West African CFA Franc
        XPF CFP Franc
    """,
    2: """
        AED United Arab Emirates Dirham
        AFN Afghan Afghani
        ALL Albanian Lek
        AMD Armenian Dram
        AOA Angolan Kwanza
        ARS Argentine Peso
        AUD Australian Dollar
        AWG Aruban Florin
        AZN Azerbaijani Manat
        BAM Bosnia-Herzegovina Convertible Mark
        BBD Barbadian Dollar
        BDT Bangladeshi Taka
        BMD Bermudian Dollar
        BND Brunei Dollar
        BOB Bolivian Boliviano
        BOV Bolivian Mvdol
        BRL Brazilian Real
        BSD Bahamian Dollar
        BTN Bhutanese Ngultrum
        BWP Botswanan Pula
        BYN Belarusian Ruble
        BZD Belize Dollar
        CAD Canadian Dollar
        CDF Congolese Franc
        CHE WIR Euro
        CHF Swiss Franc
        CHW WIR Franc
        CNY Chinese Yuan
        COP Colombian Peso
        COU Colombian Real Value Unit
        CRC Costa Rican Colón
        CUP Cuban Peso
        CVE Cape Verdean Escudo
        CZK Czech Koruna
        DKK Danish Krone
        DOP Dominican Peso
        DZD Algerian Dinar
        EGP Egyptian Pound
        ERN Eritrean Nakfa
        ETB Ethiopian Birr
        EUR Euro
        FJD Fijian Dollar
        FKP Falkland Islands Pound
        GBP Pound Sterling
        GEL Georgian Lari
        GHS Ghanaian Cedi
        GIP Gibraltar Pound
        GMD Gambian Dalasi
        GTQ Guatemalan Quetzal
        GYD Guyanese Dollar
        HKD Hong Kong Dollar
        HNL Honduran Lempira
        HTG Haitian Gourde
        HUF Hungarian Forint
        IDR Indonesian Rupiah
        ILS Israeli New Shekel
        INR Indian Rupee
        IRR Iranian Rial
        JMD Jamaican Dollar
        KES Kenyan Shilling
        KGS Kyrgyzstani Som
        KHR Cambodian Riel
        KPW North Korean Won
        KYD Cayman Islands Dollar
        KZT Kazakhstani Tenge
        LAK Laotian Kip
        LBP Lebanese Pound
        LKR Sri Lankan Rupee
        LRD Liberian Dollar
        LSL Lesotho Loti
        MAD Moroccan Dirham
        MDL Moldovan Leu
        MGA Malagasy Ariary
        MKD Macedonian Denar
        MMK Myanmar Kyat
        MNT Mongolian Tugrik
        MOP Macanese Pataca
        MRU Mauritanian Ouguiya
        MUR Mauritian Rupee
        MVR Maldivian Rufiyaa
        MWK Malawian Kwacha
        MXN Mexican Peso
        MXV Mexican Investment Unit
        MYR Malaysian Ringgit
        MZN Mozambican Metical
        NAD Namibian Dollar
        NGN Nigerian Naira
        NIO Nicaraguan Córdoba
        NOK Norwegian Krone
        NPR Nepalese Rupee
        NZD New Zealand Dollar
        PAB Panamanian Balboa
        PEN Peruvian Sol
        PGK Papua New Guinean Kina
        PHP Philippine Peso
        PKR Pakistani Rupee
        PLN Polish Zloty
        QAR Qatari Riyal
        RON Romanian Leu
        RSD Serbian Dinar
        RUB Russian Ruble
        SAR Saudi Riyal
        SBD Solomon Islands Dollar
        SCR Seychellois Rupee
        SDG Sudanese Pound
        SEK Swedish Krona
        SGD Singapore Dollar
        SHP Saint Helena Pound
        SLE Sierra Leonean Leone
        SOS Somali Shilling
        SRD Surinamese Dollar
        SSP South Sudanese Pound
        STN São Tomé and Príncipe Dobra
        SVC Salvadoran Colón
        SYP Syrian Pound
        SZL Swazi Lilangeni
        THB Thai Baht
        TJS Tajikistani Somoni
        TMT Turkmenistani Manat
        TOP Tongan Paʻanga
        TRY Turkish Lira
        TTD Trinidad and Tobago Dollar
        TWD New Taiwan Dollar
        TZS Tanzanian Shilling
        UAH Ukrainian Hryvnia
        USD US Dollar
        USN US Dollar, Next Day
        UYU Uruguayan Peso
        UZS Uzbekistani Som
        VED Venezuelan Digital Bolívar
        VES Venezuelan Bolívar
        WST Samoan Tala
        XAD Arab Accounting Dinar
        XCD East Caribbean Dollar
        XCG Caribbean Guilder
        YER Yemeni Rial
        ZAR South African Rand
        ZMW Zambian Kwacha
        ZWG Zimbabwean Gold
    """,
    3: """
        BHD Bahraini Dinar
        IQD Iraqi Dinar
        JOD Jordanian Dinar
        KWD Kuwaiti Dinar
        LYD Libyan Dinar
        OMR Omani Rial
        TND Tunisian Dinar
    """,
    4: """
        CLF Chilean Unit of Account
        UYW Uruguayan Nominal Wage Index Unit
    """,
}

# A token's decimals are those of its own contract or protocol, the same on every chain we speak to.
TOKENS_BY_EXPONENT: dict[int, str] = {
    6: """
        EURC Euro Coin
        USDC USD Coin
    """,
    8: """
        BTC Bitcoin
    """,
    18: """
        ETH Ether
    """,
}


def known_assets() -> list[tuple[str, int, str]]:
    """Return code, exponent and name of every asset, in the order of the tables."""
    return [
        (code, exponent, name)
        for table in (CURRENCIES_BY_EXPONENT, TOKENS_BY_EXPONENT)
        for exponent, lines in table.items()
        for code, _, name in (line.strip().partition(" ") for line in lines.strip().splitlines())
    ]
